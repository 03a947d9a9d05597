// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

/** The scheduling class of an I/O priority, see ioprio_set(2). */
public enum IoClass {
    /** No class was set. */
    NONE,
    /** Before all others. */
    REALTIME,
    /** The usual class. */
    BEST_EFFORT,
    /** Only when no other I/O is waiting. */
    IDLE
}
