// SPDX-License-Identifier: Apache-2.0
package io.dblock.assertj;

import io.dblock.journal.JournalEntry;
import java.util.List;
import java.util.Set;

/** The part of a journal that shows why an assertion failed. */
final class Timeline {
    private static final int AROUND = 4;
    private static final int MAX_POINTS = 8;
    private static final int MAX_LINES = 20;

    private Timeline() {}

    /** Returns the last entries. */
    static String end(List<JournalEntry> entries) {
        if (entries.isEmpty()) {
            return "    (no entry)";
        }
        int first = Math.max(0, entries.size() - MAX_LINES);
        StringBuilder text = new StringBuilder(skipped(first));
        entries.subList(first, entries.size())
                .forEach(entry -> text.append("    ").append(entry).append('\n'));
        return text.toString().stripTrailing();
    }

    /** Returns the entries with these numbers, each marked with {@code >}, and those next to them. */
    static String around(List<JournalEntry> entries, Set<Long> points) {
        StringBuilder text = new StringBuilder();
        int shownTo = 0; // Entries before this index are shown or skipped.
        int shown = 0;
        for (int i = 0; i < entries.size() && shown < MAX_POINTS; i++) {
            if (!points.contains(entries.get(i).sequence())) {
                continue;
            }
            shown++;
            int from = Math.max(shownTo, i - AROUND);
            text.append(skipped(from - shownTo));
            int to = Math.min(entries.size(), i + AROUND + 1);
            for (int j = from; j < to; j++) {
                boolean isPoint = points.contains(entries.get(j).sequence());
                text.append(isPoint ? "  > " : "    ").append(entries.get(j)).append('\n');
                if (isPoint && j > i && shown < MAX_POINTS) {
                    // The neighbors of this point are shown, too.
                    to = Math.min(entries.size(), j + AROUND + 1);
                    i = j;
                    shown++;
                }
            }
            shownTo = to;
        }
        text.append(skipped(entries.size() - shownTo));
        return text.toString().stripTrailing();
    }

    private static String skipped(int count) {
        return count == 0 ? "" : "    (" + count + (count == 1 ? " entry" : " entries") + " not shown)\n";
    }
}
