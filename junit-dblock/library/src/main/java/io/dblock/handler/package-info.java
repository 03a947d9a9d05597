// SPDX-License-Identifier: Apache-2.0
/**
 * Handlers: the interfaces that a user implements to answer the requests of a device, and the terms of the block layer,
 * from {@link io.dblock.handler.Operation} to {@link io.dblock.handler.Errno}. This is the lowest package and knows no
 * other.
 */
package io.dblock.handler;
