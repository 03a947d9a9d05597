// SPDX-License-Identifier: Apache-2.0
/**
 * The content of a disk: in memory, in an image or in zones, with the volatile write cache, snapshots and power cuts on
 * top. It knows {@code kernel} for memory outside the heap, and nothing of how requests arrive.
 */
package io.dblock.internal.store;
