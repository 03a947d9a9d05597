// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.handler.Errno;
import io.dblock.handler.IoPriority;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestInfo;
import io.dblock.handler.WriteHint;
import io.dblock.journal.FailedRange;
import io.dblock.journal.JournalEntry;
import io.dblock.journal.RequestEntry;
import java.util.Collections;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;

class EncodedEntriesTest {
    /** As journalEntries allows. */
    private static final int MOST_ENTRIES = 1 << 20;

    private static RequestEntry entry() {
        return new RequestEntry(
                1,
                2,
                3,
                4,
                5,
                new RequestInfo(
                        Operation.WRITE_ZEROES,
                        0,
                        8192,
                        Set.of(RequestFlag.FUA, RequestFlag.META, RequestFlag.SYNC, RequestFlag.PRIORITY),
                        63,
                        IoPriority.NONE,
                        WriteHint.LONG),
                List.of(new FailedRange(0, 4096, Errno.EIO), new FailedRange(4096, 4096, Errno.ENOSPC)),
                List.of("a rule with a long name", "another rule with a long name"),
                6,
                OptionalLong.of(7));
    }

    @Test
    void entriesComeBackAsTheyWere() {
        List<JournalEntry> entries = Collections.nCopies(3, entry());
        assertThat(EncodedEntries.of(entries).decode()).isEqualTo(entries);
    }

    /** A closing device sends all of them at once, and a frame that is too large ends the connection of all devices. */
    @Test
    void theLargestJournalFitsIntoAFrame() {
        long each = EncodedEntries.of(List.of(entry())).bytes().length;
        assertThat(each * MOST_ENTRIES).isLessThan(Connection.MAX_FRAME / 2);
    }
}
