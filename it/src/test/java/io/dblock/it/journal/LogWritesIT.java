// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.journal;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.jna.Pointer;
import io.dblock.BlockDevice;
import io.dblock.it.support.AlignedBuffers;
import io.dblock.it.support.Commands;
import io.dblock.it.support.DeviceMapper;
import io.dblock.it.support.FileTree;
import io.dblock.it.support.RamDisk;
import io.dblock.it.support.SystemCalls;
import io.dblock.it.support.SystemCalls.Mode;
import io.dblock.journal.Capture;
import io.dblock.journal.LogWrites;
import io.dblock.junit.DblockDevice;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The kernel's dm-log-writes and our journal see the same workload: their logs must say the same. */
class LogWritesIT {

    private static final long SEED = 20261122;
    private static final int OPERATIONS = 300;
    private static final int SIZE = 16 << 20;
    private static final int LARGEST = 65536;
    /** In KiB; holds what the workload writes. */
    private static final int RAM_DISK = 64 << 10;

    @TempDir
    private Path directory;

    @Test
    void theSameWorkloadOnARamDiskGivesTheSameLog(@DblockDevice(size = "16MiB") BlockDevice disk) throws Exception {
        try (RamDisk ramDisks = RamDisk.load(2, RAM_DISK)) {
            Path data = ramDisks.node(0);
            Path log = ramDisks.node(1);
            try (DeviceMapper mapped = logging(data, log)) {
                workload(mapped.path(), text -> mapped.message("mark", text));
            }
            disk.journal().capture(Capture.CONTENT, 256 << 20);
            workload(disk.path(), text -> disk.journal().mark(text));
            Path exported = directory.resolve("ours.log");
            disk.journal().exportLogWrites(exported);

            // What the kernel has cached of it may be older than what dm-log-writes has written.
            Commands.run("blockdev", "--flushbufs", log);
            LogWrites theirs = LogWrites.read(log);
            LogWrites ours = LogWrites.read(exported);
            System.out.println("dm-log-writes over a RAM disk, and our journal, seed " + SEED + ": "
                    + theirs.entries().size() + " and " + ours.entries().size() + " entries");
            assertThat(lines(ours)).containsExactlyElementsOf(lines(theirs));
            for (int i = 0; i < theirs.entries().size(); i++) {
                assertThat(ours.data(ours.entries().get(i)))
                        .as("data of %s", theirs.entries().get(i))
                        .isEqualTo(theirs.data(theirs.entries().get(i)));
            }
            assertThat(lines(theirs))
                    .anyMatch(line -> line.contains("FLUSH"))
                    .anyMatch(line -> line.contains("DISCARD"))
                    .anyMatch(line -> line.contains("MARK \"third\""))
                    .hasSizeGreaterThan(OPERATIONS / 2);
        }
    }

    /** Bios above and requests below: they are merged and split on the way, and yet leave the same disk at each mark. */
    @Test
    void aFilesystemsWritesLeaveTheSameDiskByBothLogs(@DblockDevice(size = "64MiB") BlockDevice logDevice)
            throws Exception {
        // With FUA, or the kernel replaces it by a flush and the log has none.
        try (BlockDevice disk = BlockDevice.builder().size("24MiB").fua(true).create()) {
            leavesTheSameDisk(disk, logDevice);
        }
    }

    private void leavesTheSameDisk(BlockDevice disk, BlockDevice logDevice) throws Exception {
        disk.journal().capture(Capture.CONTENT, 256 << 20);
        List<String> marks = new ArrayList<>();
        try (DeviceMapper mapped = logging(disk.path(), logDevice.path(), disk.size())) {
            Commands.run("mkfs.ext4", "-q", "-F", mapped.path());
            Path mount = Files.createDirectory(directory.resolve("mount"));
            for (int round = 0; round < 3; round++) {
                Commands.run("mount", "-t", "ext4", mapped.path(), mount);
                try {
                    FileTree.write(mount.resolve("round" + round), SEED + round, 8, 60_000);
                    if (round == 1) {
                        Commands.run("rm", "-r", mount.resolve("round0"));
                        Commands.run("fstrim", mount);
                    }
                } finally {
                    Commands.run("umount", mount);
                }
                mark(disk, mapped, "round" + round);
                marks.add("round" + round);
            }
        }
        Path exported = directory.resolve("ours.log");
        disk.journal().exportLogWrites(exported);
        LogWrites ours = LogWrites.read(exported);
        logDevice.dropCaches();
        LogWrites theirs = LogWrites.read(logDevice.path());
        System.out.println("ext4 over dm-log-writes over our device: "
                + theirs.entries().size() + " bios, " + ours.entries().size() + " requests");

        Path byTheirs = image("theirs.img", disk.size());
        Path byOurs = image("ours.img", disk.size());
        try (FileChannel theirImage = FileChannel.open(byTheirs, StandardOpenOption.WRITE);
                FileChannel ourImage = FileChannel.open(byOurs, StandardOpenOption.WRITE)) {
            for (String mark : marks) {
                theirs.replayTo(mark, theirImage);
                ours.replayTo(mark, ourImage);
                assertThat(Files.mismatch(byOurs, byTheirs))
                        .as("first byte that differs at mark \"%s\", -1 if none", mark)
                        .isEqualTo(-1);
            }
            for (LogWrites log : List.of(theirs, ours)) {
                assertThat(log.entries())
                        .anyMatch(LogWrites.Entry::discard)
                        .anyMatch(LogWrites.Entry::fua)
                        .anyMatch(LogWrites.Entry::metadata);
            }
            ours.replay(ourImage);
        }
        Path content = directory.resolve("content.img");
        try (FileChannel from = disk.openChannel();
                FileChannel to = FileChannel.open(content, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            ByteBuffer part = AlignedBuffers.allocate(1 << 20);
            for (long at = 0; at < disk.size(); at += part.capacity()) {
                part.clear();
                from.read(part, at);
                to.write(part.flip(), at);
            }
        }
        assertThat(Files.mismatch(byOurs, content))
                .as("first byte that differs between the replay and the disk, -1 if none")
                .isEqualTo(-1);
    }

    private static DeviceMapper logging(Path data, Path log) {
        return logging(data, log, SIZE);
    }

    private static DeviceMapper logging(Path data, Path log, long size) {
        return DeviceMapper.create("0 %d log-writes %s %s".formatted(size / 512, data, log), "dm_log_writes");
    }

    /** dm-log-writes logs a mark at once and a write after its flush: so that none is left behind the mark. */
    private static void mark(BlockDevice disk, DeviceMapper mapped, String text) {
        try (SystemCalls node = new SystemCalls(mapped.path(), Mode.DIRECT)) {
            assertThat(node.sync().ok()).isTrue();
        }
        mapped.message("mark", text);
        disk.journal().mark(text);
    }

    private Path image(String name, long size) throws IOException {
        Path image = directory.resolve(name);
        try (FileChannel channel = FileChannel.open(image, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(1), size - 1);
        }
        return image;
    }

    /** One call at a time, past the page cache: nothing is merged, split or reordered. */
    private static void workload(Path device, Consumer<String> marker) {
        Random random = new Random(SEED);
        Pointer memory = SystemCalls.memory(LARGEST);
        byte[] data = new byte[LARGEST];
        List<String> marks = new ArrayList<>(List.of("first", "second", "third"));
        try (SystemCalls node = new SystemCalls(device, Mode.DIRECT)) {
            for (int i = 1; i <= OPERATIONS; i++) {
                int sectors = 1 + random.nextInt(LARGEST / 512);
                long offset = 512L * random.nextInt(SIZE / 512 - sectors);
                if (i % (OPERATIONS / 3) == 0) {
                    assertThat(node.sync().ok()).isTrue();
                    marker.accept(marks.remove(0));
                } else if (i % 50 == 0) {
                    Commands.run("blkdiscard", "-o", offset / 4096 * 4096, "-l", 4096 * (1 + i / 50), device);
                } else if (random.nextInt(6) == 0) {
                    assertThat(node.sync().ok()).isTrue();
                } else {
                    random.nextBytes(data);
                    memory.write(0, data, 0, data.length);
                    assertThat(node.write(memory, sectors * 512L, offset).bytes())
                            .isEqualTo(sectors * 512L);
                }
            }
            assertThat(node.sync().ok()).isTrue();
        }
    }

    private static List<String> lines(LogWrites log) {
        return log.entries().stream().map(LogWrites.Entry::toString).toList();
    }
}
