// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

/** The scheduling class of an I/O priority, see ioprio_set(2). */
public enum IoClass {
    /** None was set. */
    NONE,
    /** Ahead of all others. */
    REALTIME,
    /** The usual one. */
    BEST_EFFORT,
    /** When nobody else wants anything. */
    IDLE
}
