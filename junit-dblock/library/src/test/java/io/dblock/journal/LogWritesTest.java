// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.handler.Errno;
import io.dblock.internal.journal.Answer;
import io.dblock.internal.kernel.Batch;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LogWritesTest {
    private final Recording recording = new Recording();

    @TempDir
    private Path directory;

    /** The example of the comment at the top of drivers/md/dm-log-writes.c. */
    @Test
    void writesAreLoggedWhenAFlushIssuedAfterTheirCompletionHasSucceeded() throws Exception {
        long a = recording.beginWrite(1, 1, 'a', 0);
        long b = recording.beginWrite(2, 1, 'b', 0);
        long c = recording.beginWrite(3, 1, 'c', 0);
        recording.end(c);
        recording.end(a);
        long flush = recording.beginFlush();
        long d = recording.beginWrite(4, 1, 'd', Batch.REQ_FUA);
        recording.end(b);
        recording.end(flush);
        recording.end(d);
        recording.flush();

        assertThat(exported())
                .containsExactly(
                        "0: WRITE sector 3",
                        "1: WRITE sector 1",
                        "2: FLUSH",
                        "3: WRITE FUA sector 4",
                        "4: WRITE sector 2",
                        "5: FLUSH",
                        "6: MARK \"dm-log-writes-end\"");
    }

    @Test
    void whatWasNeverFlushedIsLoggedAtTheEnd() throws Exception {
        recording.write(1, 1, 1);
        recording.journal.mark("m");
        recording.discard(8, 8);
        recording.beginFlush();
        recording.write(2, 2, 1);
        recording.beginWrite(7, 1, 1, 0);

        assertThat(exported())
                .containsExactly(
                        "0: MARK \"m\"",
                        "1: WRITE sector 1",
                        "2: DISCARD sectors 8-15",
                        "3: WRITE sectors 2-3",
                        "4: MARK \"dm-log-writes-end\"");
    }

    @Test
    void aFlushThatFailedFlushesNothing() throws Exception {
        recording.write(1, 1, 1);
        recording.fail(recording.beginFlush(), Errno.EIO);
        recording.write(2, 1, 1);
        recording.flush();

        assertThat(exported())
                .containsExactly("0: WRITE sector 1", "1: WRITE sector 2", "2: FLUSH", "3: MARK \"dm-log-writes-end\"");
    }

    @Test
    void ofAWriteThatFailedThePartsThatDidNotAreLogged() throws Exception {
        recording.fail(recording.beginWrite(1, 1, 1, 0), Errno.EIO);
        long write = recording.beginWrite(8, 8, 5, Batch.REQ_FUA | Batch.REQ_META);
        recording.ring.end(
                write,
                System.nanoTime(),
                new Answer(
                        List.of(
                                new Answer.Part(1024, null),
                                new Answer.Part(512, Errno.EIO),
                                new Answer.Part(2560, null)),
                        List.of()));

        assertThat(exported())
                .containsExactly(
                        "0: WRITE FUA META sectors 8-9",
                        "1: WRITE FUA META sectors 11-15",
                        "2: MARK \"dm-log-writes-end\"");
    }

    @Test
    void theFileIsAsTheKernelWritesIt() throws Exception {
        recording.write(8, 2, 7);
        recording.flush();
        recording.discard(16, 4);
        recording.flush();
        ByteBuffer log = ByteBuffer.wrap(Files.readAllBytes(export())).order(ByteOrder.LITTLE_ENDIAN);

        assertThat(log.getLong(0)).isEqualTo(0x6a736677736872L);
        assertThat(log.getLong(8)).isEqualTo(1);
        assertThat(log.getLong(16)).isEqualTo(5);
        assertThat(log.getInt(24)).isEqualTo(512);
        assertEntry(log, 1, 8, 2, 0, 0);
        assertThat(log.get(2 * 512)).isEqualTo((byte) 7);
        assertThat(log.get(4 * 512 - 1)).isEqualTo((byte) 7);
        assertEntry(log, 4, 0, 0, 1, 0);
        assertEntry(log, 5, 16, 4, 4, 0);
        assertEntry(log, 6, 0, 0, 1, 0);
        assertEntry(log, 7, 0, 0, 8, "dm-log-writes-end".length());
        assertThat(log.capacity()).isEqualTo(8 * 512);
    }

    private static void assertEntry(ByteBuffer log, int at, long sector, long sectors, long flags, long dataLength) {
        assertThat(log.getLong(at * 512)).isEqualTo(sector);
        assertThat(log.getLong(at * 512 + 8)).isEqualTo(sectors);
        assertThat(log.getLong(at * 512 + 16)).isEqualTo(flags);
        assertThat(log.getLong(at * 512 + 24)).isEqualTo(dataLength);
    }

    @Test
    void sectorsAreTheDevicesLogicalBlocks() throws Exception {
        Recording large = new Recording(1024, 1 << 20, 4096);
        large.write(8, 16, 1);
        large.journal.mark("x".repeat(5000));
        Path file = directory.resolve("large");
        large.journal.exportLogWrites(file);
        LogWrites log = LogWrites.read(file);

        assertThat(log.sectorSize()).isEqualTo(4096);
        assertThat(log.entries().get(1).offset()).isEqualTo(4096);
        assertThat(log.entries().get(1).length()).isEqualTo(8192);
        assertThat(log.entries().get(0).mark()).isEqualTo("x".repeat(4096 - 32 - 1));
        ByteBuffer raw = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        assertThat(raw.getLong(8192)).isEqualTo(1);
        assertThat(raw.getLong(8200)).isEqualTo(2);
    }

    @Test
    void replayedItGivesTheContentOfTheDevice() throws Exception {
        recording.write(0, 8, 1);
        recording.write(4, 8, 2);
        recording.flush();
        recording.journal.mark("half");
        recording.zero(2, 4);
        recording.writeFua(1, 1, 3);
        recording.discard(10, 1);
        LogWrites log = LogWrites.read(export());

        byte[] half = new byte[16 * 512];
        Arrays.fill(half, 0, 4 * 512, (byte) 1);
        Arrays.fill(half, 4 * 512, 12 * 512, (byte) 2);
        assertThat(replayed(log, "half")).isEqualTo(half);

        byte[] whole = half.clone();
        Arrays.fill(whole, 1 * 512, 2 * 512, (byte) 3);
        Arrays.fill(whole, 2 * 512, 6 * 512, (byte) 0);
        Arrays.fill(whole, 10 * 512, 11 * 512, (byte) 0);
        assertThat(replayed(log, LogWrites.END_MARK)).isEqualTo(whole);
        assertThat(log.data(log.entries().get(0))).isEqualTo(filled(8, 1));
        assertThat(log.data(log.mark("half"))).isEmpty();
    }

    private static byte[] filled(int sectors, int value) {
        byte[] bytes = new byte[sectors * 512];
        Arrays.fill(bytes, (byte) value);
        return bytes;
    }

    private byte[] replayed(LogWrites log, String mark) throws IOException {
        Path image = directory.resolve("image");
        Files.write(image, new byte[16 * 512]);
        try (FileChannel channel = FileChannel.open(image, StandardOpenOption.WRITE)) {
            log.replayTo(mark, channel);
        }
        return Files.readAllBytes(image);
    }

    @Test
    void zeroesAreWrittenAsThatManyBytes() throws Exception {
        recording.zero(0, 1 << 16);
        LogWrites log = LogWrites.read(export());
        assertThat(log.data(log.entries().get(0))).isEqualTo(new byte[1 << 25]);
    }

    @Test
    void anUnknownMarkIsAnErrorThatNamesTheOthers() throws Exception {
        recording.journal.mark("one");
        Path file = export();
        LogWrites log = LogWrites.read(file);
        assertThatThrownBy(() -> log.mark("two"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("There is no mark \"two\" in " + file + ". Its marks: [one, dm-log-writes-end].");
    }

    @Test
    void aLogWithoutTheDataOfAWriteIsRefused() {
        recording.journal.capture(Capture.HASH);
        recording.write(1, 1, 1);
        assertThatThrownBy(this::export)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageMatching("The data of #1 .* WRITE  sector 1 .* is not kept, so the log cannot be written\\."
                        + " Keep it with journal\\(\\)\\.capture\\(Capture\\.CONTENT, maxBytes\\) before the"
                        + " writes\\.");
    }

    @Test
    void aLogOfWhatWasDroppedIsRefused() {
        Recording small = new Recording(1024, 1 << 20, 512);
        for (int i = 0; i < 1025; i++) {
            small.flush();
        }
        assertThatThrownBy(() -> small.journal.exportLogWrites(directory.resolve("log")))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("1 entries have been dropped from the journal, so it is not the whole log. Make the"
                        + " device with more journalEntries(n).");
    }

    @Test
    void whatIsNoSuchLogIsRefused() throws Exception {
        Path file = directory.resolve("bad");
        Files.write(file, new byte[10]);
        assertThatThrownBy(() -> LogWrites.read(file))
                .isInstanceOf(IOException.class)
                .hasMessage(file + ": no super block at byte 0 is cut off after 10 of 28 bytes.");
        Files.write(file, new byte[512]);
        assertThatThrownBy(() -> LogWrites.read(file))
                .hasMessage(file + " is not a log of dm-log-writes: its first 8 bytes are 0, not 6a736677736872.");
        Files.write(file, superBlock(2, 1, 512));
        assertThatThrownBy(() -> LogWrites.read(file))
                .hasMessage(file + " is a log of dm-log-writes of version 2. Known: 1.");
        Files.write(file, superBlock(1, 1, 100));
        assertThatThrownBy(() -> LogWrites.read(file))
                .hasMessage(file + " has a damaged super block: 1 entries, sectors of 100 bytes.");
        Files.write(file, superBlock(1, 1, 512));
        assertThatThrownBy(() -> LogWrites.read(file))
                .hasMessage(file + ": entry 0 of 1 at byte 512 is cut off after 0 of 512 bytes.");
        Files.write(file, entry(0, 1, 64, 0));
        assertThatThrownBy(() -> LogWrites.read(file)).hasMessage(file + ": entry 0 of 1 has unknown flags: 0x40.");
        Files.write(file, entry(0, 0, 8, 1000));
        assertThatThrownBy(() -> LogWrites.read(file))
                .hasMessage(file + ": entry 0 of 1 is damaged: a mark of 1000 bytes.");
        Files.write(file, entry(-1, 1, 0, 0));
        assertThatThrownBy(() -> LogWrites.read(file)).hasMessage(file + ": entry 0 of 1 is damaged: 1 sectors at -1.");
    }

    private static byte[] superBlock(long version, long entries, int sectorSize) {
        ByteBuffer block = ByteBuffer.allocate(512).order(ByteOrder.LITTLE_ENDIAN);
        block.putLong(0x6a736677736872L).putLong(version).putLong(entries).putInt(sectorSize);
        return block.array();
    }

    private static byte[] entry(long sector, long sectors, long flags, long dataLength) {
        ByteBuffer log = ByteBuffer.allocate(1024).order(ByteOrder.LITTLE_ENDIAN);
        log.put(superBlock(1, 1, 512));
        log.putLong(sector).putLong(sectors).putLong(flags).putLong(dataLength);
        return log.array();
    }

    private List<String> exported() throws IOException {
        return LogWrites.read(export()).entries().stream().map(Object::toString).toList();
    }

    private Path export() throws IOException {
        Path file = directory.resolve("log");
        recording.journal.exportLogWrites(file);
        return file;
    }
}
