// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

/**
 * One line of a device's journal. Its {@code toString()} is that line.
 *
 * <p>Entries are numbered from 1 in the order in which they came, whatever they are.
 */
public sealed interface JournalEntry permits RequestEntry, MarkEntry, EventEntry {

    /** Its number, from 1. */
    long sequence();

    /** When it came, in nanoseconds since the journal was begun. */
    long nanos();

    /**
     * How many requests had been answered when it came. A request with a {@link RequestEntry#completionOrder()} up to this
     * was completed before; a greater one, later.
     */
    long completedBefore();
}
