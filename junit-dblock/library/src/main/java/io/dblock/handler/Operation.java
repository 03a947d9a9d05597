// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

/** What a request asks for. */
// In the order of DBLOCK_OP_* in dblock.h, whose numbers are these ordinals.
public enum Operation {
    /** Data of the device. */
    READ,
    /** New data for the device. */
    WRITE,
    /** All writes completed before this request was issued are to be durable when it completes. */
    FLUSH,
    /** The content of a range is no longer needed; what it reads as afterwards is undefined. */
    DISCARD,
    /** A range is to read as zeros. */
    WRITE_ZEROES,
    /** What state the zones from one on are in; of a zoned device, as all that follow. */
    ZONE_REPORT,
    /** A zone is to be open until it is closed. */
    ZONE_OPEN,
    /** A zone is to be open no longer; it is active still if something is in it. */
    ZONE_CLOSE,
    /** A zone is to be full. */
    ZONE_FINISH,
    /** A zone is to be empty. */
    ZONE_RESET,
    /** All zones are to be empty that are not conventional. */
    ZONE_RESET_ALL,
    /** New data for a zone, to be put at its write pointer; the answer says where that was. */
    ZONE_APPEND;

    /** Whether only zoned devices are asked for it. It is about one zone as a whole, which its offset is the start of. */
    public boolean isZoned() {
        return compareTo(ZONE_REPORT) >= 0;
    }
}
