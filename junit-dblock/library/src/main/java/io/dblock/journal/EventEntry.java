// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import java.util.Objects;

/**
 * Something that has happened to the device.
 *
 * @param sequence its number in the journal, from 1
 * @param nanos when, in nanoseconds since the journal was begun
 * @param completedBefore how many requests had been answered then
 * @param kind what
 * @param text the particulars
 */
public record EventEntry(long sequence, long nanos, long completedBefore, EventKind kind, String text)
        implements JournalEntry {

    /** Checks that nothing is null. */
    public EventEntry {
        Objects.requireNonNull(kind, "kind");
        Objects.requireNonNull(text, "text");
    }

    @Override
    public String toString() {
        return EntryText.start(sequence, nanos) + kind + " " + text;
    }
}
