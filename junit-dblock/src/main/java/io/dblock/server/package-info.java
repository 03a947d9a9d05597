// SPDX-License-Identifier: Apache-2.0
/**
 * Serves devices: threads that fetch requests, have a handler answer them, and give the answers back. Not for users; they
 * make devices with {@link io.dblock.BlockDevice}.
 */
package io.dblock.server;
