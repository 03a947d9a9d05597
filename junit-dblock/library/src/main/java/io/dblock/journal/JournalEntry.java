// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

/**
 * One entry of a device's journal. Its {@code toString()} is one line.
 *
 * <p>Entries of all kinds are numbered from 1 in the order in which they came.
 */
public sealed interface JournalEntry permits RequestEntry, MarkEntry, EventEntry {

    /** Returns the number of the entry, from 1. */
    long sequence();

    /** Returns when the entry came, in nanoseconds since the journal began. */
    long nanos();

    /**
     * Returns how many requests had been answered when the entry came. A request with a
     * {@link RequestEntry#completionOrder()} up to this number completed before the entry, one with a greater number
     * later.
     */
    long completedBefore();
}
