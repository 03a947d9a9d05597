// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.internal.journal.JournalRing;
import io.dblock.journal.EventKind;
import java.util.function.LongConsumer;

/**
 * Records in the journal that the write cache is full, at most once between two flushes: with an event for each write, few
 * requests would be left in the journal. Called with the cache locked.
 */
final class EvictionNotes implements LongConsumer {
    private final JournalRing journal;
    private long notedIn = -1;

    EvictionNotes(JournalRing journal) {
        this.journal = journal;
    }

    @Override
    public void accept(long sequence) {
        long epoch = journal.flushEpoch();
        if (notedIn != epoch) {
            notedIn = epoch;
            journal.note(
                    EventKind.EVICTION,
                    "the cache is full: from here to the next flush the oldest writes become durable, #" + sequence
                            + " first");
        }
    }
}
