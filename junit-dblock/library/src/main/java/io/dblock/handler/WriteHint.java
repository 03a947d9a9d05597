// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

/**
 * How long what is written is expected to live: what {@code fcntl(F_SET_RW_HINT)} has said of the file. It comes through
 * where the kernel and the filesystem pass it on: of direct I/O to the node since Linux 6.9 and before 5.18, of files of
 * F2FS and XFS.
 */
public enum WriteHint {
    /** Nothing was said. */
    NOT_SET,
    /** No hint, said explicitly (RWH_WRITE_LIFE_NONE). */
    NONE,
    /** Short. */
    SHORT,
    /** Medium. */
    MEDIUM,
    /** Long. */
    LONG,
    /** Extremely long. */
    EXTREME
}
