// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import java.time.Duration;

/**
 * The request of a device that has been under way longest, see {@code struct dblock_info} in dblock.h. It is reported
 * as it came, even if parts of it have been answered.
 *
 * @param operation its {@code DBLOCK_OP_*}, as in {@link Batch}
 * @param offset of its first byte, in bytes; 0 for a flush
 * @param length in bytes; 0 for a flush
 * @param age how long ago it came to the device, as exact as the kernel's tick (1 to 10 ms). It fails within about a
 *     second after this reaches {@link DeviceParameters#timeoutMillis()}
 * @param held whether a server has fetched it and not answered; false: it waits for a server
 */
public record OldestRequest(int operation, long offset, long length, Duration age, boolean held) {}
