// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.fs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.nio.file.ExtendedOpenOption;
import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.assertj.DblockAssertions;
import io.dblock.fault.Fault;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.Place;
import io.dblock.handler.Place.Kind;
import io.dblock.journal.Capture;
import io.dblock.journal.RequestEntry;
import io.dblock.junit.DblockDevice;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/**
 * What the library says of a block's file is compared with the data in the block: each block of each file is different,
 * and says where it belongs.
 */
class FilesIT {
    private static final int BLOCK = 4096;
    private static final String MAGIC = "This block belongs to ";

    @Test
    void ext4(@DblockDevice(size = "64MiB", filesystem = Filesystem.EXT4) BlockDevice disk) throws Exception {
        filesComeGrowMoveAndGo(disk);
        assertThat(parts(disk)).contains("ext4's superblock", "ext4's journal", "ext4's inode table", "directory .");
        assertMagic(disk, "ext4's journal", 0, 0xC03B3998);
        assertMagic(disk, "ext4's superblock", 0x38, 0x53EF); // Its blocks are of 1 KiB, the first one is unused.
    }

    @Test
    void ext4WithBlocksOf4KiB(
            @DblockDevice(
                            size = "64MiB",
                            filesystem = Filesystem.EXT4,
                            mkfsOptions = {"-b", "4096"})
                    BlockDevice disk)
            throws Exception {
        filesComeGrowMoveAndGo(disk);
        assertThat(parts(disk)).contains("ext4's journal", "ext4's inode table", "directory .");
        assertMagic(disk, "ext4's journal", 0, 0xC03B3998);
        assertMagic(disk, "ext4's superblock", 1024 + 0x38, 0x53EF);
    }

    @Test
    void xfs(@DblockDevice(size = "320MiB", filesystem = Filesystem.XFS) BlockDevice disk) throws Exception {
        filesComeGrowMoveAndGo(disk);
        assertThat(parts(disk)).contains("XFS's log", "XFS's inodes", "XFS's superblock and group header");
        assertMagic(disk, "XFS's log", 0, 0xFEEDBABE);
        assertMagic(disk, "XFS's inodes", 0, 0x494E);
        assertMagic(disk, "XFS's superblock and group header", 0, 0x58465342);
    }

    @Test
    void btrfs(@DblockDevice(size = "256MiB", filesystem = Filesystem.BTRFS) BlockDevice disk) throws Exception {
        filesComeGrowMoveAndGo(disk);
        assertThat(parts(disk)).contains("btrfs's trees", "btrfs's superblock");
    }

    @Test
    void aDirectoryWithBlocksOfItsOwnIsNamedOnXfs(
            @DblockDevice(size = "320MiB", filesystem = Filesystem.XFS) BlockDevice disk) throws Exception {
        Path many = Files.createDirectory(disk.mount().resolve("many"));
        for (int i = 0; i < 300; i++) {
            Files.createFile(many.resolve("a file with a rather long name " + i));
        }
        disk.remount();
        disk.journal().mark("remounted");
        assertThat(parts(disk)).contains("directory many");
    }

    @Test
    void whatIsUnflushedAndWhatACutTakesHaveTheirFiles(
            @DblockDevice(size = "64MiB", filesystem = Filesystem.EXT4) BlockDevice disk) throws Exception {
        Path ledger = disk.mount().resolve("ledger");
        write(ledger, "ledger", 0, 4);
        sync(ledger);
        // The kernel writes it back without a flush.
        overwriteDirectly(ledger, "ledger", 2);

        List<UnflushedWrite> unflushed = disk.unflushed();
        assertThat(unflushed.stream().flatMap(write -> write.places().stream()))
                .contains(place(unflushed.get(unflushed.size() - 1), "ledger", 2L * BLOCK));
        assertThat(unflushed.toString()).contains("(ledger +8192..12287)");

        CutReport report = disk.powerCut(Survivors.NONE);
        assertThat(report.toString()).contains("LOST", "(ledger +8192..12287)");
        disk.restorePower();
        assertThat(Files.readAllBytes(ledger)).startsWith(block("ledger", 0));
    }

    private static Place place(UnflushedWrite write, String name, long inside) {
        return new Place(write.offset(), BLOCK, Kind.FILE, name, inside);
    }

    /** The blocks of a file are not known before they are written, and known for what was written before. */
    @Test
    void aRequestIsExplainedByWhatWasTrueThen(
            @DblockDevice(size = "64MiB", filesystem = Filesystem.EXT4) BlockDevice disk) throws Exception {
        Path root = disk.mount();
        Path first = root.resolve("first");
        write(first, "first", 0, 4);
        sync(first);
        disk.journal().mark("first is there");
        List<Place> before = placesOf(disk, "first");
        assertThat(before).isNotEmpty();

        Path second = root.resolve("second");
        Files.move(first, second);
        disk.journal().mark("moved");
        overwriteDirectly(second, "first", 1);
        assertThat(placesOf(disk, "first"))
                .as("requests from before it was moved")
                .containsAll(before);
        assertThat(disk.journal().requestsSince("moved").toString()).contains("second +4096..8191");

        Files.delete(second);
        disk.journal().mark("deleted");
        assertThat(placesOf(disk, "first")).containsAll(before);
        assertThat(disk.journal().requestsSince("moved").toString()).contains("second +4096..8191");
    }

    @Test
    void aLookUsesUpNoRuleOnReads(@DblockDevice(size = "64MiB", filesystem = Filesystem.EXT4) BlockDevice disk)
            throws Exception {
        Path ledger = disk.mount().resolve("ledger");
        write(ledger, "ledger", 0, 4);
        sync(ledger);
        disk.dropCaches();
        disk.faults().on(Operation.READ).times(1).lenient().fail(Errno.EIO);
        disk.journal().mark("armed");
        disk.journal().entries();
        assertThat(disk.faults().list()).singleElement().satisfies(rule -> assertThat(rule.hits())
                .isZero());
        disk.faults().clear();
    }

    @Test
    void assertionsAndRulesForAFileOnExt4(@DblockDevice(size = "64MiB", filesystem = Filesystem.EXT4) BlockDevice disk)
            throws Exception {
        assertionsForAFile(disk);
        rulesForAFile(disk);
    }

    @Test
    void assertionsAndRulesForAFileOnXfs(@DblockDevice(size = "320MiB", filesystem = Filesystem.XFS) BlockDevice disk)
            throws Exception {
        assertionsForAFile(disk);
        rulesForAFile(disk);
    }

    private static void assertionsForAFile(BlockDevice disk) throws Exception {
        Path wal = Files.createDirectory(disk.mount().resolve("wal"));
        disk.journal().mark("commit");
        write(wal.resolve("1.log"), "wal/1.log", 0, 3);
        sync(wal.resolve("1.log"));
        write(wal.resolve("2.log"), "wal/2.log", 0, 3);
        DblockAssertions.assertThat(disk)
                .since("commit")
                .file("wal/1.log")
                .wrote(0, 3 * BLOCK)
                .thenFlushed()
                .hasNothingUnflushed();
        assertThatThrownBy(() -> DblockAssertions.assertThat(disk)
                        .since("commit")
                        .file(wal.resolve("2.log"))
                        .wrote())
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("to have written of file wal/2.log since mark \"commit\"");
    }

    private static void rulesForAFile(BlockDevice disk) throws Exception {
        Path wal = disk.mountPoint().orElseThrow().resolve("wal");
        write(wal.resolve("old.log"), "wal/old.log", 0, 3);
        sync(wal.resolve("old.log"));
        try (Fault rule = disk.faults().on(Operation.WRITE).file("wal/*.log").fail(Errno.EIO)) {
            Path data = wal.resolveSibling("data");
            write(data, "data", 0, 3);
            sync(data);
            assertThat(rule.hits()).as("a file that it does not name").isZero();

            write(wal.resolve("old.log"), "wal/old.log", 1, 1);
            assertThatThrownBy(() -> sync(wal.resolve("old.log"))).isInstanceOf(IOException.class);
            long hits = rule.hits();
            assertThat(hits).as("blocks that were there when it was armed").isPositive();

            write(wal.resolve("new.log"), "wal/new.log", 0, 5);
            assertThatThrownBy(() -> sync(wal.resolve("new.log"))).isInstanceOf(IOException.class);
            assertThat(rule.hits()).as("blocks that a new file got").isGreaterThan(hits);

            sync(data);
            assertThat(disk.journal().requests().stream()
                            .filter(request -> request.rules().contains(rule.name())))
                    .allSatisfy(request -> assertThat(request.places())
                            .anySatisfy(place -> assertThat(place.name()).startsWith("wal/")));
        }
        disk.dropCaches();
        disk.faults().on(Operation.READ).file("wal/1.log").fail(Errno.EIO);
        assertThat(Files.readAllBytes(wal.resolveSibling("data"))).hasSize(3 * BLOCK);
        assertThatThrownBy(() -> Files.readAllBytes(wal.resolve("1.log"))).isInstanceOf(IOException.class);
        disk.faults().clear();
    }

    @Test
    void aRuleForAFileIsRefusedOnBtrfs(@DblockDevice(size = "256MiB", filesystem = Filesystem.BTRFS) BlockDevice disk) {
        assertThatThrownBy(() -> disk.faults().on(Operation.WRITE).file("data").fail(Errno.EIO))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("Allowed: EXT4 and XFS");
    }

    private static void filesComeGrowMoveAndGo(BlockDevice disk) throws Exception {
        disk.journal().capture(Capture.CONTENT, 64 << 20);
        Path root = disk.mount();
        Path directory = Files.createDirectory(root.resolve("directory"));
        for (int i = 0; i < 5; i++) {
            String name = "directory/file" + i;
            write(root.resolve(name), name, 0, 3 + i);
            sync(root.resolve(name));
        }
        disk.journal().mark("written");
        write(root.resolve("directory/file0"), "directory/file0", 3, 20);
        sync(root.resolve("directory/file0"));
        disk.journal().mark("grown");
        Files.move(directory.resolve("file1"), root.resolve("moved"));
        write(root.resolve("moved"), "moved", 4, 2);
        sync(root.resolve("moved"));
        disk.journal().mark("moved");
        Files.delete(directory.resolve("file2"));
        Files.delete(directory.resolve("file3"));
        for (int i = 5; i < 9; i++) {
            String name = "directory/file" + i;
            write(root.resolve(name), name, 0, 7);
        }
        disk.remount(); // Writes what was not synced.
        disk.journal().mark("end");
        assertBlocksAreNamed(disk, 5 + 9 + 20);
    }

    /** Each block that a request wrote is said to be where it says it is, and none is said to be of no file. */
    private static void assertBlocksAreNamed(BlockDevice disk, int atLeast) {
        int blocks = 0;
        List<String> wrong = new ArrayList<>();
        for (RequestEntry request : disk.journal().requests()) {
            if (!request.is(Operation.WRITE)) {
                continue;
            }
            byte[] data = disk.journal().content(request).orElseThrow();
            for (int at = 0; at + BLOCK <= data.length; at += BLOCK) {
                byte[] one = Arrays.copyOfRange(data, at, at + BLOCK);
                String text = new String(one, 0, 200, StandardCharsets.ISO_8859_1);
                long offset = request.info().offset() + at;
                String named = request.places().stream()
                        .filter(place -> place.kind() == Kind.FILE && place.offset() <= offset && offset < place.end())
                        .map(place -> said(place.name(), (place.inside() + offset - place.offset()) / BLOCK))
                        .findFirst()
                        .orElse("");
                boolean isOfAFile = text.startsWith(MAGIC);
                if (isOfAFile) {
                    blocks++;
                }
                if (isOfAFile ? !text.startsWith(named) || named.isEmpty() : !named.isEmpty()) {
                    wrong.add(request + " at " + offset + " has \""
                            + text.strip().lines().findFirst().orElse("") + "\", and was said to be: " + named);
                }
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(blocks).isGreaterThanOrEqualTo(atLeast);
    }

    private static Set<String> parts(BlockDevice disk) {
        Set<String> parts = new HashSet<>();
        for (RequestEntry request : disk.journal().requests()) {
            request.places().stream()
                    .filter(place -> place.kind() != Kind.FILE)
                    .forEach(place -> parts.add(place.toString()));
        }
        return parts;
    }

    /** Some write to this part has this number, in big-endian order and without leading zeros, at this place of it. */
    private static void assertMagic(BlockDevice disk, String part, int at, int magic) {
        Map<String, Integer> seen = new HashMap<>();
        for (RequestEntry request : disk.journal().requests()) {
            if (!request.is(Operation.WRITE)) {
                continue;
            }
            byte[] data = disk.journal().content(request).orElse(new byte[0]);
            for (Place place : request.places()) {
                int start = (int) (place.offset() - request.info().offset()) + at;
                if (place.toString().equals(part) && start + 4 <= data.length) {
                    int value = ByteBuffer.wrap(data).getInt(start);
                    seen.merge(
                            Integer.toHexString(value >>> (Integer.numberOfLeadingZeros(magic) / 8 * 8)),
                            1,
                            Integer::sum);
                }
            }
        }
        assertThat(seen).as("what begins a write to %s", part).containsKey(Integer.toHexString(magic));
    }

    private static List<Place> placesOf(BlockDevice disk, String file) {
        return disk.journal().requests().stream()
                .filter(request -> request.is(Operation.WRITE))
                .flatMap(request -> request.places().stream())
                .filter(place -> place.name().equals(file))
                .toList();
    }

    private static String said(String name, long block) {
        return MAGIC + name + " and is block " + block + ".";
    }

    private static byte[] block(String name, int number) {
        byte[] text = (said(name, number) + "\n").getBytes(StandardCharsets.ISO_8859_1);
        return Arrays.copyOf(text, BLOCK);
    }

    private static void write(Path file, String name, int first, int count) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            for (int i = first; i < first + count; i++) {
                channel.write(ByteBuffer.wrap(block(name, i)), (long) i * BLOCK);
            }
        }
    }

    private static void overwriteDirectly(Path file, String name, int number) throws IOException {
        ByteBuffer aligned = ByteBuffer.allocateDirect(2 * BLOCK).alignedSlice(BLOCK);
        aligned.put(block(name, number)).flip();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE, ExtendedOpenOption.DIRECT)) {
            channel.write(aligned, (long) number * BLOCK);
        }
    }

    private static void sync(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
    }
}
