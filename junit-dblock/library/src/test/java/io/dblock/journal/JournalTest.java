// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestInfo;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JournalTest {
    private final Recording recording = new Recording(1024, 1 << 20, 512);
    private final Journal journal = recording.journal;

    @Test
    void givesTheEntriesAfterAMarkAndBetweenTwo() {
        recording.write(0, 1, 1);
        journal.mark("a");
        recording.write(1, 1, 1);
        recording.flush();
        journal.mark("b");
        recording.write(2, 1, 1);

        assertThat(journal.entries()).hasSize(6);
        assertThat(journal.requests()).hasSize(4);
        assertThat(journal.since("a")).extracting(JournalEntry::sequence).containsExactly(3L, 4L, 5L, 6L);
        assertThat(journal.requestsSince("a"))
                .extracting(JournalEntry::sequence)
                .containsExactly(3L, 4L, 6L);
        assertThat(journal.between("a", "b")).extracting(JournalEntry::sequence).containsExactly(3L, 4L);
        assertThat(journal.flushEpoch()).isEqualTo(1);
    }

    @Test
    void aRequestThatWasUnderWayAtTheMarkIsNotAfterIt() {
        long write = recording.beginWrite(0, 1, 1, 0);
        journal.mark("a");
        recording.end(write);
        assertThat(journal.since("a")).isEmpty();
    }

    @Test
    void aMarkSetAgainMeansTheNewer() {
        journal.mark("a");
        recording.write(0, 1, 1);
        journal.mark("a");
        assertThat(journal.since("a")).isEmpty();
    }

    @Test
    void aMarkThatWasNotSetIsAnErrorThatNamesThoseThatWere() {
        assertThatThrownBy(() -> journal.since("comit"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("There is no mark \"comit\". None has been set; journal().mark(\"...\") sets one.");
        journal.mark("z");
        journal.mark("commit");
        assertThatThrownBy(() -> journal.since("comit"))
                .hasMessage("There is no mark \"comit\". The marks are \"z\", \"commit\".");
        assertThatThrownBy(() -> journal.between("commit", "z"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("The mark \"z\" was set before \"commit\". Allowed: the earlier mark first.");
    }

    @Test
    void refusesToGiveWhatIsNoLongerWhole() {
        journal.mark("early");
        for (int i = 0; i < 1024; i++) {
            recording.write(i, 1, 1);
        }
        assertThat(journal.since("early")).hasSize(1024);
        recording.write(0, 1, 1);

        assertThat(journal.dropped()).isEqualTo(2);
        assertThatThrownBy(() -> journal.since("early"))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage(
                        "Entries after the mark \"early\", which is #1, have been dropped, the last of them #2. Set the"
                                + " mark closer to the entries you need, make the device with more journalEntries(n), or use"
                                + " streamTo(file), which keeps all.");
        assertThat(journal.timeline()).startsWith("(2 earlier entries have been dropped)\n#3 ");
    }

    @Test
    void givesTheDataOfAWrite() {
        recording.write(0, 1, 7);
        byte[] data = new byte[512];
        java.util.Arrays.fill(data, (byte) 7);
        assertThat(journal.content(journal.requests().get(0))).hasValue(data);
        journal.capture(Capture.METADATA);
        recording.write(0, 1, 7);
        assertThat(journal.content(journal.requests().get(1))).isEmpty();
        assertThat(journal.droppedContents()).isZero();
    }

    @Test
    void anEntryIsALineOfText() {
        RequestInfo write = new RequestInfo(Operation.WRITE, 4096, 8192, Set.of(RequestFlag.META, RequestFlag.FUA), 0);
        assertThat(entry(12, write, 1_204_531_000, 1_204_562_000, List.of(), List.of()))
                .hasToString("#12       1.204531 s  WRITE  sectors 8-23 (8KiB) FUA META: ok, 31 us");
        assertThat(entry(
                        12,
                        write,
                        0,
                        25_000_000,
                        List.of(new FailedRange(4096, 8192, Errno.ENOSPC)),
                        List.of("full", "slow")))
                .hasToString("#12       0.000000 s  WRITE  sectors 8-23 (8KiB) FUA META: ENOSPC, 25 ms [full] [slow]");
        assertThat(entry(
                        12,
                        write,
                        0,
                        1,
                        List.of(new FailedRange(4096, 512, Errno.EIO), new FailedRange(5120, 1024, Errno.ENODATA)),
                        List.of()))
                .hasToString("#12       0.000000 s  WRITE  sectors 8-23 (8KiB) FUA META: EIO on sector 8, ENODATA on"
                        + " sectors 10-11, 0 us");
        RequestInfo flush = new RequestInfo(Operation.FLUSH, 0, 0, Set.of(), 0);
        assertThat(entry(1, flush, 0, -1, List.of(), List.of())).hasToString("#1        0.000000 s  FLUSH : under way");
        assertThat(entry(1, flush, 0, 20_000_000_000L, List.of(new FailedRange(0, 0, Errno.EIO)), List.of()))
                .hasToString("#1        0.000000 s  FLUSH : EIO, 20 s");
        RequestInfo odd = new RequestInfo(Operation.WRITE_ZEROES, 512, 512, Set.of(), 0);
        assertThat(entry(100000, odd, 0, 0, List.of(), List.of()))
                .hasToString("#100000    0.000000 s  WRITE_ZEROES sector 1 (512 bytes): ok, 0 us");
        assertThat(new MarkEntry(3, 1_000, 0, "commit")).hasToString("#3        0.000001 s  MARK   \"commit\"");
        assertThat(new EventEntry(3, 1_000, 0, EventKind.POWER_CUT, "3 writes lost"))
                .hasToString("#3        0.000001 s  POWER_CUT 3 writes lost");
    }

    private static RequestEntry entry(
            long sequence, RequestInfo info, long from, long to, List<FailedRange> failures, List<String> rules) {
        return new RequestEntry(sequence, from, 0, to, to < 0 ? -1 : 1, info, failures, rules, 0, OptionalLong.empty());
    }

    @Test
    void aTimelineHasALinePerEntry() {
        recording.write(0, 1, 1);
        journal.mark("a");
        assertThat(journal.timeline().lines())
                .containsExactlyElementsOf(
                        journal.entries().stream().map(Object::toString).toList());
        assertThat(Journal.timeline(journal.since("a"))).isEmpty();
    }

    @Test
    void isWrittenToAFile(@TempDir Path directory) throws Exception {
        recording.write(8, 8, 1);
        recording.fail(recording.beginFlush(), Errno.EIO, "no flush");
        journal.mark("a");
        recording.beginWrite(0, 1, 1, 0);
        Path file = directory.resolve("journal.txt");
        journal.writeTo(file);

        List<String> lines = Files.readAllLines(file);
        assertThat(lines.get(0)).isEqualTo("# Journal of a junit-dblock device, version 1. Sectors have 512 bytes.");
        List<JournalEntry> entries = journal.entries();
        String hash = String.format("%016x", journal.requests().get(0).hash().getAsLong());
        assertThat(lines.subList(1, lines.size()))
                .containsExactly(
                        entries.get(0) + "\torder=1 before=0 epoch=0 hash=" + hash,
                        entries.get(1) + "\torder=2 before=1 epoch=0",
                        entries.get(2).toString(),
                        entries.get(3).toString());
    }
}
