// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.power;

import static io.dblock.Filesystem.BTRFS;
import static io.dblock.Filesystem.EXT4;
import static io.dblock.Filesystem.XFS;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.Placement;
import io.dblock.it.support.SystemCalls;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The names of all files are durable, and not what is in them: what a filesystem does by itself every few seconds. */
class SyncNamesIT {
    private static final int SIZE = 64 << 10;
    private static final Map<String, String> BEFORE = Map.of("a", "a", "b", "b", "c", "c");
    private static final Map<String, String> AFTER =
            Map.of("c", "c", "directory", "directory", "moved", "a", "new", "0 bytes");

    static Stream<Arguments> filesystems() {
        return Stream.of(
                arguments(EXT4, "64MiB", Placement.AUTOMATIC),
                arguments(EXT4, "64MiB", Placement.TEST_JVM),
                arguments(XFS, "320MiB", Placement.AUTOMATIC),
                arguments(BTRFS, "256MiB", Placement.AUTOMATIC));
    }

    /** By itself it commits once an hour. XFS has no such option; there it is every 30 s. */
    private static BlockDevice make(Filesystem filesystem, String size, Placement placement) {
        BlockDevice.Builder builder =
                BlockDevice.builder().size(size).filesystem(filesystem).placement(placement);
        return (filesystem == XFS ? builder : builder.mountOptions("commit=3600")).create();
    }

    private static void write(Path file, char letter) throws IOException {
        byte[] bytes = new byte[SIZE];
        Arrays.fill(bytes, (byte) letter);
        Files.write(file, bytes);
    }

    /** Durable files, and what happens to them without a sync. */
    private static void work(Path root) throws IOException {
        for (char name : "abc".toCharArray()) {
            write(root.resolve("" + name), name);
        }
        assertThat(SystemCalls.syncFilesystem(root).ok()).isTrue();
        Files.move(root.resolve("a"), root.resolve("moved"));
        Files.delete(root.resolve("b"));
        Files.createDirectory(root.resolve("directory"));
        write(root.resolve("new"), 'n');
    }

    /** The names below the root, each with the letter that is in the file, or how long it is if that is not as it was. */
    private static Map<String, String> found(Path root) throws IOException {
        Map<String, String> found = new TreeMap<>();
        try (Stream<Path> files = Files.list(root)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                String name = file.getFileName().toString();
                if (Files.isDirectory(file)) {
                    found.put(name, "directory");
                } else {
                    byte[] bytes = Files.readAllBytes(file);
                    boolean whole = bytes.length == SIZE && bytes[0] == bytes[SIZE - 1];
                    found.put(name, whole ? "" + (char) bytes[0] : bytes.length + " bytes");
                }
            }
        }
        found.remove("lost+found");
        return found;
    }

    private static Map<String, String> cut(BlockDevice disk) throws IOException {
        disk.powerCut();
        disk.restorePower();
        return found(disk.mount());
    }

    @ParameterizedTest
    @MethodSource("filesystems")
    void namesAreThereAfterACutAndContentIsNot(Filesystem filesystem, String size, Placement placement)
            throws Exception {
        try (BlockDevice disk = make(filesystem, size, placement)) {
            Path root = disk.mount();
            work(root);
            disk.syncNames();
            assertThat(found(root)).as("before the cut").containsEntry("new", "n");
            assertThat(cut(disk)).isEqualTo(AFTER);
            assertThat(root).as("no file of ours").isDirectoryNotContaining("glob:**.junit-dblock*");
        }
    }

    /** The control: what the test above shows, the call has done. */
    @ParameterizedTest
    @MethodSource("filesystems")
    void withoutTheCallTheNamesAreAsTheyWere(Filesystem filesystem, String size, Placement placement) throws Exception {
        try (BlockDevice disk = make(filesystem, size, placement)) {
            work(disk.mount());
            assertThat(cut(disk)).isEqualTo(BEFORE);
        }
    }

    /** Why it is a call: what people do by hand is right on two of them. */
    @ParameterizedTest
    @MethodSource("filesystems")
    void syncingAnyOtherFileDoesTheSameButOnBtrfs(Filesystem filesystem, String size, Placement placement)
            throws Exception {
        try (BlockDevice disk = make(filesystem, size, placement)) {
            Path root = disk.mount();
            work(root);
            try (FileChannel other = FileChannel.open(root.resolve("other"), CREATE, WRITE)) {
                other.write(ByteBuffer.allocate(1));
                other.force(true);
            }
            Map<String, String> found = cut(disk);
            assertThat(found).containsEntry("other", "1 bytes");
            found.remove("other");
            assertThat(found).isEqualTo(filesystem == BTRFS ? BEFORE : AFTER);
        }
    }

    @ParameterizedTest
    @MethodSource("filesystems")
    void itWorksOnAFullFilesystem(Filesystem filesystem, String size, Placement placement) throws Exception {
        try (BlockDevice disk = make(filesystem, size, placement)) {
            Path root = disk.mount();
            work(root);
            disk.fill(0);
            disk.syncNames();
            disk.free();
            assertThat(cut(disk)).containsKeys("c", "directory", "moved", "new");
        }
    }

    @ParameterizedTest
    @MethodSource("filesystems")
    void aForkIsSyncedAlone(Filesystem filesystem, String size, Placement placement) throws Exception {
        try (BlockDevice disk = make(filesystem, size, placement)) {
            Path root = disk.mount();
            Files.createDirectory(root.resolve("durable"));
            disk.syncNames();
            try (BlockDevice fork = disk.fork()) {
                Files.createDirectory(fork.mount().resolve("of the fork"));
                Files.createDirectory(root.resolve("of the original"));
                fork.syncNames();
                assertThat(cut(fork)).containsOnlyKeys("durable", "of the fork");
            }
            assertThat(cut(disk)).containsOnlyKeys("durable");
        }
    }
}
