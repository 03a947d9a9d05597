// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

/**
 * What a write says about itself.
 *
 * @param fua the write must be durable before the handler returns
 * @param metadata it is a filesystem's metadata
 * @param sync somebody waits for it
 */
public record WriteFlags(boolean fua, boolean metadata, boolean sync) {
    /** A plain write. */
    public static final WriteFlags NONE = new WriteFlags(false, false, false);
}
