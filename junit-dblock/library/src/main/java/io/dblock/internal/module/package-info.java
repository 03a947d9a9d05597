// SPDX-License-Identifier: Apache-2.0
/**
 * The kernel module: whether it is loaded, where a built one is, and how it is built and loaded, with the cache that it is kept
 * in. It knows {@code kernel}.
 */
package io.dblock.internal.module;
