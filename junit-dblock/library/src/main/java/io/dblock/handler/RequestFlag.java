// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

/** A property of a request. */
public enum RequestFlag {
    /** Forced unit access: the write must be durable before it completes. */
    FUA,
    /** The data is a filesystem's metadata. */
    META,
    /** A thread waits for the request. */
    SYNC,
    /** A write-zeroes must keep the space allocated. */
    NOUNMAP,
    /** The data is read ahead of need. */
    READ_AHEAD,
    /** The request should be done before others; it is mostly for a filesystem's metadata. */
    PRIORITY,
    /** The request comes from the kernel's own writeback, and no thread waits for it. */
    BACKGROUND,
    /** The request is for a swap area. */
    SWAP
}
