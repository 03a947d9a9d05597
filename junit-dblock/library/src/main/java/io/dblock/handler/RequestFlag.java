// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

/** What a request says about itself. */
public enum RequestFlag {
    /** Forced unit access: this write is durable before it completes. */
    FUA,
    /** A filesystem's metadata. */
    META,
    /** Somebody waits for it. */
    SYNC,
    /** A write-zeroes that must keep the space allocated. */
    NOUNMAP,
    /** Read ahead of need. */
    READ_AHEAD,
    /** To be done ahead of others, as whoever made it says: a filesystem's metadata, most of the time. */
    PRIORITY,
    /** Of the kernel's own writeback, which nobody waits for. */
    BACKGROUND,
    /** Of a swap area. */
    SWAP
}
