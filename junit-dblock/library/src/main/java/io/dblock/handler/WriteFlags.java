// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

/**
 * The properties of a write.
 *
 * @param fua whether the write must be durable before the handler returns
 * @param metadata whether the data is a filesystem's metadata
 * @param sync whether a thread waits for the write
 */
public record WriteFlags(boolean fua, boolean metadata, boolean sync) {
    /** A plain write. */
    public static final WriteFlags NONE = new WriteFlags(false, false, false);
}
