// SPDX-License-Identifier: Apache-2.0
/**
 * The server process: a JVM of its own, one for each test JVM, that serves the built-in stores. What goes between the two
 * is data, over a pipe in each direction. Used by {@code io.dblock}; not for users.
 */
package io.dblock.server.process;
