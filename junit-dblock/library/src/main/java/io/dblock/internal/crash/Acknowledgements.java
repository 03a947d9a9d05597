// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import io.dblock.internal.server.ServedRecording;
import io.dblock.journal.Journal;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** What a workload has acknowledged, and when. Safe for use by several threads. */
final class Acknowledgements implements Consumer<Object> {
    private static final int LONGEST_MARK = 60;

    /** The mark that a workload begins with. */
    static final String BEGIN = "the workload begins";

    private final ServedRecording recording;
    private final Journal journal;
    private final List<Object> given = new ArrayList<>();
    private final List<Integer> positions = new ArrayList<>();
    private boolean ended;

    Acknowledgements(ServedRecording recording, Journal journal) {
        this.recording = recording;
        this.journal = journal;
    }

    @Override
    public void accept(Object what) {
        synchronized (this) {
            if (ended) {
                return; // A thread that the workload has left behind.
            }
            positions.add(recording.count());
            given.add(what);
        }
        journal.mark(mark(what));
    }

    /** Returns the mark that an acknowledgement leaves in the journal. */
    static String mark(Object what) {
        String text = "acknowledged " + what;
        return text.length() > LONGEST_MARK ? text.substring(0, LONGEST_MARK) + "..." : text;
    }

    /** The workload has ended: what comes later does not count. */
    synchronized void end() {
        ended = true;
    }

    /** Returns what has been acknowledged so far, in order. */
    synchronized List<Object> given() {
        return List.copyOf(given);
    }

    /** Returns for each acknowledgement so far how many requests had been recorded. */
    synchronized int[] positions() {
        return positions.stream().mapToInt(i -> i).toArray();
    }
}
