// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.space;

import static io.dblock.Filesystem.BTRFS;
import static io.dblock.Filesystem.EXT4;
import static io.dblock.Filesystem.XFS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.Placement;
import io.dblock.handler.Errno;
import io.dblock.it.support.Commands;
import io.dblock.it.support.SystemCalls;
import io.dblock.it.support.SystemCalls.Mode;
import io.dblock.it.support.SystemCalls.Outcome;
import io.dblock.junit.DblockDevice;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A filesystem that is full by itself: it says so, writes fail, and the same writes succeed when there is space again. */
class FillIT {
    private static final long MIB = 1 << 20;
    private static final String FILLER = ".junit-dblock-fill";

    static Stream<Arguments> filesystems() {
        return Stream.of(
                arguments(EXT4, "64MiB", Placement.AUTOMATIC),
                arguments(EXT4, "64MiB", Placement.TEST_JVM),
                arguments(XFS, "320MiB", Placement.AUTOMATIC),
                arguments(BTRFS, "256MiB", Placement.AUTOMATIC));
    }

    private static BlockDevice make(Filesystem filesystem, String size, Placement placement) {
        return BlockDevice.builder()
                .size(size)
                .filesystem(filesystem)
                .placement(placement)
                .create();
    }

    /** What statvfs says that there is for everybody. */
    private static long usable(Path root) throws IOException {
        return Files.getFileStore(root).getUsableSpace();
    }

    /** Writes zeros to the end of a file, through the page cache, and syncs it. */
    private static Outcome append(Path file, long length) throws IOException {
        long size = Files.exists(file) ? Files.size(file) : Files.size(Files.createFile(file));
        try (SystemCalls calls = new SystemCalls(file, Mode.BUFFERED)) {
            Outcome written = calls.writeAll(length, size);
            Outcome synced = calls.sync();
            return written.ok() && !synced.ok() ? synced : written;
        }
    }

    private static void assertFull(Outcome outcome) {
        assertThat(outcome.error()).as(outcome.toString()).contains(Errno.ENOSPC);
    }

    private static void assertNothingFits(Path file) throws IOException {
        assertThat(append(file, MIB)).isEqualTo(new Outcome(0, Errno.ENOSPC.number()));
    }

    private static void assertWritten(Outcome outcome) {
        assertThat(outcome.ok()).as(outcome.toString()).isTrue();
    }

    private static List<String> names(Path root) throws IOException {
        try (Stream<Path> files = Files.list(root)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> !name.equals("lost+found"))
                    .sorted()
                    .toList();
        }
    }

    // ---- full, and not full ----

    @ParameterizedTest
    @MethodSource("filesystems")
    void aFullOneTakesNothingAndTheSameWriteSucceedsWhenItIsFreed(
            Filesystem filesystem, String size, Placement placement) throws Exception {
        try (BlockDevice disk = make(filesystem, size, placement)) {
            Path root = disk.mount();
            Path log = root.resolve("log");
            Path other = Files.createFile(root.resolve("other"));
            assertWritten(append(log, 16 * 4096));
            disk.dropCaches();
            long before = usable(root);
            long written = disk.statistics().bytesWritten();

            disk.fill(0);

            long usable = usable(root);
            disk.dropCaches();
            System.out.println(filesystem + ", " + placement + ": of " + before + " bytes " + usable + " are left, and "
                    + (disk.statistics().bytesWritten() - written) + " were written");
            assertThat(usable).as("said to be left of %d", before).isLessThan(MIB);
            assertThat(disk.statistics().bytesWritten() - written)
                    .as("written to the device for %d bytes", before)
                    .isLessThan(before / 8);
            assertNothingFits(log);
            assertNothingFits(other);
            disk.fill(0);
            assertNothingFits(log);

            disk.free();

            assertThat(usable(root)).as("said to be left").isGreaterThan(before - 4 * MIB);
            assertWritten(append(log, MIB));
            assertWritten(append(other, MIB));
            assertThat(names(root)).containsExactly("log", "other");
            disk.free();
        }
    }

    @ParameterizedTest
    @MethodSource("filesystems")
    void asMuchIsLeftAsIsAskedForAndItCanBeChanged(Filesystem filesystem, String size, Placement placement)
            throws Exception {
        // btrfs gives space to its own trees, too, in chunks.
        long less = filesystem == BTRFS ? 24 * MIB : 64 << 10;
        try (BlockDevice disk = make(filesystem, size, placement)) {
            Path root = disk.mount();
            long before = usable(root);
            for (long leave : List.of(32 * MIB, 28 * MIB, 36 * MIB)) {
                disk.fill(leave);
                System.out.println(filesystem + ", " + placement + ": " + leave + " bytes are to be left, "
                        + usable(root) + " are");
                assertThat(usable(root)).as("left of %d", before).isBetween(leave - less, leave);
            }
            assertFull(append(root.resolve("large"), 48 * MIB));
            Files.delete(root.resolve("large"));
            assertWritten(append(root.resolve("small"), MIB));

            disk.fill("0");
            assertFull(append(root.resolve("small"), MIB));
            disk.free();
            assertWritten(append(root.resolve("small"), MIB));
        }
    }

    @Test
    void moreThanThereIsCannotBeLeft(@DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) {
        disk.mount();
        disk.fill(MIB);
        assertThatThrownBy(() -> disk.fill(100 * MIB))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("leaveBytes is 104857600")
                .hasMessageContaining("Allowed: 0 to ")
                .hasMessageContaining("make the device larger");
    }

    /** To root, who runs the tests, a reserve is no reserve: fill(0) takes it, too. */
    @Test
    void aReserveIsFilledToo(
            @DblockDevice(
                            size = "64MiB",
                            filesystem = EXT4,
                            mkfsOptions = {"-m", "20"})
                    BlockDevice disk)
            throws Exception {
        Path root = disk.mount();
        disk.fill(MIB);
        assertThat(usable(root)).isLessThanOrEqualTo(MIB);
        assertWritten(append(root.resolve("by root"), 4 * MIB));
        disk.fill(0);
        assertFull(append(root.resolve("by root"), 4 * MIB));
    }

    @Test
    void aDiskThatIsFullOfOtherFilesIsFullAlready(@DblockDevice(size = "16MiB", filesystem = EXT4) BlockDevice disk)
            throws Exception {
        Path own = disk.mount().resolve("own");
        assertFull(append(own, 64 * MIB));
        disk.fill(0);
        assertFull(append(own, MIB));
        disk.free();
        assertFull(append(own, MIB));
    }

    /** Whatever its size, hardly anything is written. */
    @Test
    void aLargeDiskIsFilledWithoutContent(@DblockDevice(size = "64GiB", filesystem = EXT4) BlockDevice disk)
            throws Exception {
        Path root = disk.mount();
        disk.dropCaches();
        long written = disk.statistics().bytesWritten();
        long start = System.nanoTime();
        disk.fill(0);
        long millis = (System.nanoTime() - start) / 1_000_000;
        disk.dropCaches();
        written = disk.statistics().bytesWritten() - written;
        System.out.println("64 GiB of ext4 are filled in " + millis + " ms, with " + written + " bytes written");
        assertThat(written).isLessThan(64 * MIB);
        assertFull(append(root.resolve("log"), MIB));
    }

    // ---- how long it stays ----

    @Test
    void itStaysFullWhenItIsMountedAgainAndInAForkUntilEachIsFreed(
            @DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        Path root = disk.mount();
        disk.fill(0);
        assertFull(append(disk.remount().resolve("log"), MIB));
        disk.unmount();
        assertFull(append(disk.mount().resolve("log"), MIB));
        try (BlockDevice fork = disk.fork()) {
            Path forked = fork.mount();
            assertFull(append(forked.resolve("log"), MIB));
            fork.free();
            assertWritten(append(forked.resolve("log"), MIB));
            fork.fill(0);
            assertFull(append(forked.resolve("log"), MIB));
        }
        assertFull(append(root.resolve("log"), MIB));
        disk.unmount();
        assertThatThrownBy(disk::free)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("call mount() before free()");
    }

    @ParameterizedTest
    @MethodSource("filesystems")
    void aCutMayTakeItBackAndItCanBeFilledAgain(Filesystem filesystem, String size, Placement placement)
            throws Exception {
        try (BlockDevice disk = make(filesystem, size, placement)) {
            Path root = disk.mount();
            Path log = root.resolve("log");
            assertWritten(append(log, 4096));
            disk.fill(0);
            disk.powerCut();
            assertThatThrownBy(() -> disk.fill(0))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("restorePower()");
            disk.restorePower();
            System.out.println(filesystem + ": after a cut " + usable(root) + " bytes are left");
            disk.fill(0);
            assertNothingFits(log);
            disk.free();
            assertWritten(append(log, MIB));
        }
    }

    /** Otherwise a test would show that data are durable which the application has never synced. */
    @ParameterizedTest
    @MethodSource("filesystems")
    void whatWasNotSyncedIsLostByACutAllTheSame(Filesystem filesystem, String size, Placement placement)
            throws Exception {
        try (BlockDevice disk = make(filesystem, size, placement)) {
            Path root = disk.mount();
            assertWritten(append(root.resolve("synced"), 4096));
            Files.write(root.resolve("unsynced"), new byte[64 << 10]);
            disk.fill(32 * MIB);
            disk.free();
            disk.powerCut();
            disk.restorePower();
            assertThat(root.resolve("synced")).hasSize(4096);
            Path unsynced = root.resolve("unsynced");
            assertThat(Files.exists(unsynced) ? Files.size(unsynced) : 0)
                    .as("bytes that were never synced")
                    .isZero();
        }
    }

    @Test
    void aFilesystemThatIsMountedReadOnlyIsNotFilled(
            @DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) {
        disk.mount();
        disk.unmount();
        disk.setReadOnly(true);
        disk.mount();
        for (Runnable call : List.<Runnable>of(() -> disk.fill(0), disk::fillInodes, disk::free, disk::syncNames)) {
            assertThatThrownBy(call::run)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("is mounted read-only")
                    .hasMessageContaining("remount()");
        }
    }

    // ---- inodes ----

    @Test
    void withoutInodesNoFileIsCreatedAndFilesThatAreThereAreWritten(
            @DblockDevice(
                            size = "64MiB",
                            filesystem = EXT4,
                            mkfsOptions = {"-N", "1024"})
                    BlockDevice disk)
            throws Exception {
        Path root = disk.mount();
        Path log = Files.createFile(root.resolve("log"));
        for (int round = 0; round < 2; round++) {
            disk.fillInodes();
            disk.fillInodes();
            assertThat(Commands.run("stat", "-f", "-c", "%d", root).strip())
                    .as("free inodes")
                    .isEqualTo("0");
            for (Path name : List.of(root.resolve("other"), root.resolve("directory"))) {
                assertThatThrownBy(() -> Commands.run("mkdir", name)).hasMessageContaining("No space left on device");
            }
            assertThatThrownBy(() -> Files.createFile(root.resolve("other"))).isInstanceOf(FileSystemException.class);
            assertThat(usable(root)).as("space").isGreaterThan(32 * MIB);
            assertWritten(append(log, MIB));

            disk.fill(0);
            assertFull(append(log, MIB));

            disk.free();
            Files.delete(Files.createFile(root.resolve("other")));
            assertThat(names(root)).containsExactly("log");
        }
    }

    @Test
    void inodesAreNotFilledWhereThereIsNoSpaceForTheNames(
            @DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) {
        disk.mount();
        disk.fill(0);
        assertThatThrownBy(disk::fillInodes)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("no space for the names")
                .hasMessageContaining("Call fillInodes() before fill()");
    }

    @Test
    void tooManyInodesAreRefusedWithTheOptionThatMakesFewer(
            @DblockDevice(size = "8GiB", filesystem = EXT4) BlockDevice disk) {
        disk.mount();
        assertThatThrownBy(disk::fillInodes)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("Allowed: at most 262144")
                .hasMessageContaining("mkfsOptions(\"-N\", \"1024\")");
    }

    static Stream<Arguments> filesystemsThatMakeInodes() {
        return filesystems().filter(arguments -> arguments.get()[0] != EXT4);
    }

    @ParameterizedTest
    @MethodSource("filesystemsThatMakeInodes")
    void inodesThatAreMadeOfSpaceAreNotFilled(Filesystem filesystem, String size, Placement placement)
            throws Exception {
        try (BlockDevice disk = make(filesystem, size, placement)) {
            Path root = disk.mount();
            assertThatThrownBy(disk::fillInodes)
                    .isInstanceOf(UnsupportedOperationException.class)
                    .hasMessageContaining(filesystem + " makes inodes of free space")
                    .hasMessageContaining("Allowed: EXT4");
            assertThat(names(root)).isEmpty();
        }
    }

    @Test
    void xfsTakesNoFileEitherWhenItIsFull(@DblockDevice(size = "320MiB", filesystem = XFS) BlockDevice disk)
            throws Exception {
        Path root = disk.mount();
        disk.fill(0);
        assertThatThrownBy(() -> Files.createFile(root.resolve("file"))).isInstanceOf(FileSystemException.class);
        disk.free();
        Files.createFile(root.resolve("file"));
    }

    @Test
    void btrfsTakesEmptyFilesWhenItIsFull(@DblockDevice(size = "256MiB", filesystem = BTRFS) BlockDevice disk)
            throws Exception {
        Path root = disk.mount();
        disk.fill(0);
        for (int i = 0; i < 100; i++) {
            Files.createFile(root.resolve("file" + i));
        }
    }

    /** In place of a filler: the directory's name is the one that pages and messages have. */
    @Test
    void itsFilesHaveTheNamesThatTheJavadocHas(@DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk)
            throws Exception {
        Path root = disk.mount();
        disk.fill(0);
        assertThat(names(root)).containsExactly(FILLER);
        assertThat(names(root.resolve(FILLER))).containsExactly("space");
        assertThat(Files.size(root.resolve(FILLER).resolve("space"))).isGreaterThan(32 * MIB);
    }
}
