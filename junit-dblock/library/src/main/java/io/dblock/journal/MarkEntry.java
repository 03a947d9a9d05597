// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import java.util.Objects;

/**
 * A mark set by the test with {@link Journal#mark(String)}.
 *
 * @param sequence its number in the journal, from 1
 * @param nanos when it was set, in nanoseconds since the journal began
 * @param completedBefore how many requests had been answered by then
 * @param text the text that the test gave
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
