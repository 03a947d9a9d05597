// SPDX-License-Identifier: Apache-2.0
/**
 * The kernel module: finds, builds and loads it, and keeps built modules in a cache. The package knows {@code kernel}.
 */
package io.dblock.internal.module;
