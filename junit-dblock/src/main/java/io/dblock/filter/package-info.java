// SPDX-License-Identifier: Apache-2.0
/**
 * The filters a request passes on its way to the store and back: journal, fault rules, write cache. Not for users; they
 * reach them through {@link io.dblock.BlockDevice}. Nothing here needs a kernel.
 */
package io.dblock.filter;
