// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.promises;

import static io.dblock.Filesystem.BTRFS;
import static io.dblock.Filesystem.EXT4;
import static io.dblock.Filesystem.XFS;
import static io.dblock.handler.Errno.EIO;
import static io.dblock.handler.Operation.FLUSH;
import static io.dblock.handler.Operation.READ;
import static io.dblock.handler.Operation.WRITE;
import static io.dblock.handler.RequestFlag.META;
import static java.nio.file.StandardOpenOption.CREATE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.jna.Pointer;
import io.dblock.BlockDevice;
import io.dblock.PowerDomain;
import io.dblock.assertj.DblockAssertions;
import io.dblock.crash.CrashReport;
import io.dblock.crash.CrashTest;
import io.dblock.fault.Delay;
import io.dblock.fault.Fault;
import io.dblock.it.support.SystemCalls;
import io.dblock.it.support.SystemCalls.Mode;
import io.dblock.it.support.SystemCalls.Outcome;
import io.dblock.junit.DblockDevice;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * The page "which of my engine's promises can I test" on real devices: each line of code in its tables is here, and does what
 * the table says.
 */
class PromisesIT {
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final int PAGE = 4096;

    private static byte[] page(int value) {
        byte[] bytes = new byte[PAGE];
        Arrays.fill(bytes, (byte) value);
        return bytes;
    }

    private static void commit(Path log, int value) throws IOException {
        try (FileChannel channel = FileChannel.open(log, CREATE, StandardOpenOption.WRITE, StandardOpenOption.APPEND)) {
            channel.write(ByteBuffer.wrap(page(value)));
            channel.force(true);
        }
    }

    // ---- durability and order ----

    @Test
    void whatIsSyncedIsDurable(@DblockDevice(filesystem = EXT4) BlockDevice disk) throws Exception {
        Path log = disk.mount().resolve("log");
        commit(log, 1);
        Files.write(log.resolveSibling("unsynced"), page(1));
        disk.powerCut();
        disk.restorePower();
        assertThat(log).hasBinaryContent(page(1));
        assertThat(log.resolveSibling("unsynced"))
                .satisfiesAnyOf(file -> assertThat(file).doesNotExist(), file -> assertThat(file)
                        .isEmptyFile());
    }

    @Test
    void whatIsWrittenIsFlushedBeforeItIsAcknowledged(@DblockDevice(filesystem = EXT4) BlockDevice disk)
            throws Exception {
        Path log = disk.mount().resolve("log");
        disk.journal().mark("commit");
        commit(log, 1);
        DblockAssertions.assertThat(disk).since("commit").wrote().thenFlushed().leavesNothingUnflushed();
    }

    @Test
    void itStartsFromWhateverACutAtAnyMomentLeaves(@DblockDevice(filesystem = EXT4) BlockDevice disk) {
        Path log = disk.mount().resolve("log");
        CrashReport report = CrashTest.of(disk)
                .workload(run -> commit(log, 1))
                .check(state -> assertThat(state.mount()).isDirectory())
                .verify();
        assertThat(report.checked() + report.pruned()).isGreaterThan(10);
    }

    @Test
    void aNameCanBeThereBeforeItsContent(@DblockDevice(filesystem = EXT4) BlockDevice disk) throws Exception {
        Path file = Files.write(disk.mount().resolve("file"), page(1));
        disk.syncNames();
        disk.powerCut();
        disk.restorePower();
        assertThat(file).isEmptyFile();
    }

    @Test
    void twoDisksLoseTheirPowerTogether(
            @DblockDevice(size = "16MiB") BlockDevice log, @DblockDevice(size = "16MiB") BlockDevice data) {
        PowerDomain.of(log, data).powerCut();
        assertThat(log.powered() || data.powered()).isFalse();
    }

    /** The control: a test of durability that passes on this disk shows nothing. */
    @Test
    void aLyingDiskLosesWhatWasSynced(@DblockDevice(filesystem = EXT4) BlockDevice disk) throws Exception {
        Path log = disk.mount().resolve("log");
        disk.faults().onAny().ignoreFlushes();
        commit(log, 1);
        disk.powerCut();
        disk.faults().clear();
        disk.restorePower();
        assertThat(Files.exists(log) ? Files.size(log) : 0).isZero();
    }

    // ---- space ----

    @Test
    void aFullFilesystemTakesNothingUntilItIsFreed(@DblockDevice(filesystem = EXT4) BlockDevice disk) throws Exception {
        Path log = disk.mount().resolve("log");
        disk.fill(0);
        assertThatThrownBy(() -> commit(log, 1)).isInstanceOf(IOException.class);
        disk.free();
        commit(log, 1);
    }

    @Test
    void aWriteIsCutShort(@DblockDevice(filesystem = EXT4) BlockDevice disk) throws Exception {
        Path log = Files.createFile(disk.mount().resolve("log"));
        disk.fill("64KiB");
        try (SystemCalls calls = new SystemCalls(log, Mode.BUFFERED)) {
            Outcome written = calls.write(SystemCalls.memory(256 << 10), 256 << 10, 0);
            assertThat(written.ok()).as(written.toString()).isTrue();
            assertThat(written.bytes()).isBetween(1L, (256L << 10) - 1);
        }
    }

    @Test
    void thereAreNoInodes(
            @DblockDevice(
                            filesystem = EXT4,
                            mkfsOptions = {"-N", "1024"})
                    BlockDevice disk) {
        Path log = disk.mount().resolve("log");
        disk.fillInodes();
        assertThatThrownBy(() -> commit(log, 1)).isInstanceOf(FileSystemException.class);
    }

    @Test
    void aThinDiskIsFullBelowTheFilesystem(@DblockDevice(filesystem = EXT4) BlockDevice disk) {
        Path log = disk.mount().resolve("log");
        disk.faults().on(WRITE).full(0);
        assertThatThrownBy(() -> commit(log, 1)).isInstanceOf(IOException.class);
    }

    // ---- errors ----

    @Test
    void aReadFails(@DblockDevice(filesystem = EXT4) BlockDevice disk) throws Exception {
        Path log = disk.mount().resolve("log");
        commit(log, 1);
        disk.dropCaches();
        disk.faults().on(READ).matching(read -> !read.has(META)).fail(EIO);
        assertThatThrownBy(() -> Files.readAllBytes(log)).isInstanceOf(IOException.class);
    }

    @Test
    void aBadSectorIsReadableOnceItIsWritten(@DblockDevice(size = "16MiB") BlockDevice disk) throws Exception {
        disk.faults().on(READ).sectors(8, 15).mediumError();
        try (FileChannel channel = disk.openChannel()) {
            assertThatThrownBy(() -> channel.read(ByteBuffer.allocate(PAGE), PAGE))
                    .isInstanceOf(IOException.class);
            channel.write(ByteBuffer.wrap(page(1)), PAGE);
            assertThat(channel.read(ByteBuffer.allocate(PAGE), PAGE)).isEqualTo(PAGE);
        }
    }

    /** What every engine has to know: the kernel says so once, and what it could not write is clean then. */
    @Test
    void anErrorOfWritebackIsToldOnceByTheNextSync(@DblockDevice(filesystem = EXT4) BlockDevice disk) throws Exception {
        Path log = disk.mount().resolve("log");
        commit(log, 1);
        try (SystemCalls calls = new SystemCalls(log, Mode.BUFFERED)) {
            disk.faults().on(WRITE).matching(write -> !write.has(META)).times(1).fail(EIO);
            calls.writeAll(PAGE, 0);
            assertThat(calls.sync().error()).contains(EIO);
            assertThat(calls.sync().ok()).isTrue();
        }
    }

    @Test
    void aFlushFails(@DblockDevice(filesystem = EXT4) BlockDevice disk) {
        Path log = disk.mount().resolve("log");
        disk.faults().on(FLUSH).fail(EIO);
        assertThatThrownBy(() -> commit(log, 1)).isInstanceOf(IOException.class);
    }

    @Test
    void theDiskBecomesReadOnly(@DblockDevice(filesystem = EXT4) BlockDevice disk) {
        Path log = disk.mount().resolve("log");
        disk.setReadOnly(true);
        assertThatThrownBy(() -> commit(log, 1)).isInstanceOf(IOException.class);
        disk.setReadOnly(false);
    }

    @Test
    void theDiskIsPulledOut(@DblockDevice(filesystem = EXT4) BlockDevice disk) {
        Path log = disk.mount().resolve("log");
        disk.unplug();
        assertThatThrownBy(() -> commit(log, 1)).isInstanceOf(IOException.class);
    }

    // ---- wrong data ----

    @Test
    void aPageIsTorn(@DblockDevice(size = "16MiB") BlockDevice disk) throws Exception {
        try (FileChannel channel = disk.openChannel()) {
            channel.write(ByteBuffer.wrap(page(1)), 0);
            CutReport report = disk.powerCut(Survivors.ALL.torn());
            assertThat(report.torn()).hasSize(1);
        }
    }

    @Test
    void aBitIsWrong(@DblockDevice(filesystem = EXT4) BlockDevice disk) throws Exception {
        Path log = disk.mount().resolve("log");
        commit(log, 1);
        disk.dropCaches();
        disk.faults().on(READ).matching(read -> !read.has(META)).times(1).flipBits(1);
        assertThat(Files.readAllBytes(log)).hasSize(PAGE).isNotEqualTo(page(1));
    }

    @Test
    void aWriteGoesElsewhereOrNowhere(@DblockDevice(size = "16MiB") BlockDevice disk) throws Exception {
        disk.faults().on(WRITE).times(1).misdirect(1 << 20);
        disk.faults().on(WRITE).times(1).lose();
        try (FileChannel channel = disk.openChannel()) {
            channel.write(ByteBuffer.wrap(page(1)), 0);
            channel.write(ByteBuffer.wrap(page(2)), PAGE);
            ByteBuffer read = ByteBuffer.allocate(2 * PAGE);
            channel.read(read, 0);
            assertThat(read.array()).containsOnly(0);
            channel.read(read.clear().limit(PAGE), 1 << 20);
            assertThat(read.get(0)).isEqualTo((byte) 1);
        }
    }

    // ---- time ----

    @Test
    void aWriteIsSlow(@DblockDevice(size = "16MiB") BlockDevice disk) throws Exception {
        disk.faults().on(WRITE).delay(Delay.fixed(Duration.ofMillis(200)));
        long start = System.nanoTime();
        try (FileChannel channel = disk.openChannel()) {
            channel.write(ByteBuffer.wrap(page(1)), 0);
        }
        assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(TimeUnit.MILLISECONDS.toNanos(200));
    }

    @Test
    void aSyncWaitsForAsLongAsTheTestWants(@DblockDevice(filesystem = EXT4) BlockDevice disk) throws Exception {
        Path log = disk.mount().resolve("log");
        Fault held = disk.faults().on(FLUSH).times(1).hold();
        CompletableFuture<Void> commit = CompletableFuture.runAsync(() -> {
            try {
                commit(log, 1);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        assertThat(held.awaitHit(commit, LIMIT)).isTrue();
        assertThat(commit).isNotDone();
        held.release();
        commit.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
    }

    // ---- mapped files ----

    @Test
    void aPageOfAMappedFileCannotBeRead(@DblockDevice(filesystem = EXT4) BlockDevice disk) throws Exception {
        Path file = Files.write(disk.mount().resolve("mapped"), new byte[1 << 20]);
        disk.remount();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            MappedByteBuffer mapped = channel.map(MapMode.READ_ONLY, 0, channel.size());
            // No predicate: this JVM would have to answer it, while a thread of it waits for the page.
            disk.faults().on(READ).fail(EIO);
            assertThatThrownBy(() -> sum(mapped)).isInstanceOf(InternalError.class);
        }
    }

    private static long sum(MappedByteBuffer mapped) {
        long sum = 0;
        for (int at = 0; at < mapped.limit(); at += 512) {
            sum += mapped.get(at);
        }
        return sum;
    }

    @Test
    void aHoleOfAMappedFileCannotBeFilled(@DblockDevice(filesystem = EXT4) BlockDevice disk) throws Exception {
        Path file = Files.createFile(disk.mount().resolve("mapped"));
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            MappedByteBuffer mapped = channel.map(MapMode.READ_WRITE, 0, 1 << 20);
            disk.fill(0);
            assertThatThrownBy(() -> {
                        for (int at = 0; at < mapped.limit(); at += 512) {
                            mapped.put(at, (byte) 1);
                        }
                    })
                    .isInstanceOf(InternalError.class);
        }
    }

    // ---- what cannot be shown ----

    private static void losesNoNameWithoutASyncOfTheDirectory(BlockDevice disk) throws IOException {
        Path directory = disk.mount();
        commit(directory.resolve("log"), 1);
        disk.powerCut();
        disk.restorePower();
        assertThat(directory.resolve("log")).hasBinaryContent(page(1));
    }

    @Test
    void ext4PersistsTheNameWithTheFile(@DblockDevice(filesystem = EXT4) BlockDevice disk) throws Exception {
        losesNoNameWithoutASyncOfTheDirectory(disk);
    }

    @Test
    void xfsPersistsTheNameWithTheFile(@DblockDevice(filesystem = XFS) BlockDevice disk) throws Exception {
        losesNoNameWithoutASyncOfTheDirectory(disk);
    }

    @Test
    void btrfsPersistsTheNameWithTheFile(@DblockDevice(filesystem = BTRFS) BlockDevice disk) throws Exception {
        losesNoNameWithoutASyncOfTheDirectory(disk);
    }

    /** Short reads are the kernel's: it gives what it has before a page that cannot be read, and else all that is asked for. */
    @Test
    void aReadEndsBeforeABadPageAndNowhereElse(@DblockDevice(size = "16MiB") BlockDevice disk) {
        disk.faults().on(READ).sectors(16, 23).fail(EIO);
        try (SystemCalls calls = new SystemCalls(disk.path(), Mode.BUFFERED)) {
            Pointer to = SystemCalls.memory(4 * PAGE);
            assertThat(calls.read(to, 4 * PAGE, 0)).isEqualTo(new Outcome(2 * PAGE, 0));
            assertThat(calls.read(to, 4 * PAGE, 2 * PAGE).error()).contains(EIO);
            assertThat(calls.read(to, 4 * PAGE, 3 * PAGE)).isEqualTo(new Outcome(4 * PAGE, 0));
        }
    }
}
