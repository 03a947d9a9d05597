// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.internal.journal.JournalRing;
import io.dblock.journal.EventKind;
import java.util.function.LongConsumer;

/**
 * Notes in the journal that the cache was full, once between two flushes: a note for each write would drive the requests
 * out of the journal. Called with the cache locked.
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
