// SPDX-License-Identifier: Apache-2.0
/**
 * The server process: its start and its end, the connection to it, and the calls over the connection, with the code of
 * both sides. The package knows {@code server}, which serves the devices in either process.
 */
package io.dblock.internal.remote;
