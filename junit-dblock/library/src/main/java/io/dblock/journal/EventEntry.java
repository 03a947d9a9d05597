// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import java.util.Objects;

/**
 * An event of the device.
 *
 * @param sequence its number in the journal, from 1
 * @param nanos when it happened, in nanoseconds since the journal began
 * @param completedBefore how many requests had been answered by then
 * @param kind what happened
 * @param text the details
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
