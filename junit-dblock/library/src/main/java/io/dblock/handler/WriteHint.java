// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

/**
 * How long written data is expected to live, as set with {@code fcntl(F_SET_RW_HINT)} on the file. The hint arrives
 * where the kernel and the filesystem pass it on: with direct I/O to the node since Linux 6.9 and before 5.18, and for
 * files of F2FS and XFS.
 */
public enum WriteHint {
    /** No hint was set. */
    NOT_SET,
    /** No hint, set explicitly (RWH_WRITE_LIFE_NONE). */
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
