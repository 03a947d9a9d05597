// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

/** What a request asks for. */
// The order is that of DBLOCK_OP_* in dblock.h: the ordinals are its numbers.
public enum Operation {
    /** Reads data from the device. */
    READ,
    /** Writes data to the device. */
    WRITE,
    /** Makes all writes durable that completed before the flush was issued. */
    FLUSH,
    /** Discards a range whose content is no longer needed; what it reads as afterwards is undefined. */
    DISCARD,
    /** Makes a range read as zeros. */
    WRITE_ZEROES,
    /**
     * Reports the state of zones, from a given zone on. This operation and all that follow are for zoned devices only.
     */
    ZONE_REPORT,
    /** Opens a zone until it is closed. */
    ZONE_OPEN,
    /** Closes a zone; it stays active if it has data. */
    ZONE_CLOSE,
    /** Makes a zone full. */
    ZONE_FINISH,
    /** Makes a zone empty. */
    ZONE_RESET,
    /** Makes all zones empty that are not conventional. */
    ZONE_RESET_ALL,
    /** Writes data at a zone's write pointer; the answer says where that was. */
    ZONE_APPEND;

    /**
     * Returns whether only zoned devices get this operation. The request's offset is then the start of a zone, except
     * for {@link #ZONE_RESET_ALL}.
     */
    public boolean isZoned() {
        return compareTo(ZONE_REPORT) >= 0;
    }
}
