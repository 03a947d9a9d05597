// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

/** What a request asks for. */
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
    WRITE_ZEROES
}
