// SPDX-License-Identifier: Apache-2.0
/**
 * What answers the requests of a device: the interfaces that a user implements, and the words of the block layer, from
 * {@link io.dblock.handler.Operation} to {@link io.dblock.handler.Errno}. It is the lowest package and knows no other.
 */
package io.dblock.handler;
