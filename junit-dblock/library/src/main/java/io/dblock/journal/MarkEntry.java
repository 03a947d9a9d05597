// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import java.util.Objects;

/**
 * What a test has set with {@link Journal#mark(String)}.
 *
 * @param sequence its number in the journal, from 1
 * @param nanos when, in nanoseconds since the journal was begun
 * @param completedBefore how many requests had been answered then
 * @param text what the test has said
 */
public record MarkEntry(long sequence, long nanos, long completedBefore, String text) implements JournalEntry {

    /** Checks that there is a text. */
    public MarkEntry {
        Objects.requireNonNull(text, "text");
    }

    @Override
    public String toString() {
        return EntryText.start(sequence, nanos) + "MARK   \"" + text + "\"";
    }
}
