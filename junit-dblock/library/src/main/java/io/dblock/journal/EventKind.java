// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

/** The kinds of events of a device. Requests and marks are not events. */
public enum EventKind {
    /** The power was cut. */
    POWER_CUT,
    /** The power was restored. */
    POWER_RESTORED,
    /** The write cache made writes durable to stay within its limit. */
    EVICTION,
    /** The size was changed. */
    RESIZED,
    /** The device was made read-only, or writable again. */
    WRITE_PROTECTION,
    /** A snapshot was taken. */
    SNAPSHOT,
    /** A fork was made. */
    FORK,
    /** A fault rule was armed. */
    FAULT_ARMED,
    /** A fault rule was changed. */
    FAULT_REPLACED,
    /** A fault rule was removed. */
    FAULT_REMOVED,
    /** Anything else. */
    NOTE
}
