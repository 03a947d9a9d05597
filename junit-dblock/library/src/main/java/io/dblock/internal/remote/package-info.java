// SPDX-License-Identifier: Apache-2.0
/**
 * The server process: how it is started and watched, the connection to it, and both ends of what is asked over that. It knows
 * {@code server}, which the process itself uses.
 */
package io.dblock.internal.remote;
