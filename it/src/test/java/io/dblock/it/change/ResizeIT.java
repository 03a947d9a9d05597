// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.change;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.Placement;
import io.dblock.Snapshot;
import io.dblock.handler.ImageMode;
import io.dblock.it.support.AlignedBuffers;
import io.dblock.it.support.Commands;
import io.dblock.it.support.FileTree;
import io.dblock.journal.EventEntry;
import io.dblock.journal.EventKind;
import io.dblock.junit.DblockDevice;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Disks that become larger and smaller while they are in use. */
class ResizeIT {

    @TempDir
    Path dir;

    @Test
    void ext4GrowsWhileItIsMounted(@DblockDevice(size = "64MiB", filesystem = Filesystem.EXT4) BlockDevice disk)
            throws Exception {
        grows(disk, 256L << 20, "resize2fs", disk.path());
        Commands.run("e2fsck", "-f", "-n", disk.path());
    }

    @Test
    void ext4GrowsWhileItIsMountedWhoeverServesIt(
            @DblockDevice(size = "64MiB", filesystem = Filesystem.EXT4, placement = Placement.TEST_JVM)
                    BlockDevice disk)
            throws Exception {
        grows(disk, 256L << 20, "resize2fs", disk.path());
        Commands.run("e2fsck", "-f", "-n", disk.path());
    }

    @Test
    void xfsGrowsWhileItIsMounted(@DblockDevice(size = "320MiB", filesystem = Filesystem.XFS) BlockDevice disk)
            throws Exception {
        grows(disk, 640L << 20, "xfs_growfs", disk.mount());
        Commands.run("xfs_repair", "-n", disk.path());
    }

    private static void grows(BlockDevice disk, long size, Object... grow) throws Exception {
        Path root = disk.mount();
        long before = Files.getFileStore(root).getTotalSpace();
        FileTree files = FileTree.write(root.resolve("files"), 20261125L, 20, 100_000);
        long added = size - disk.size();

        disk.resize(size);
        Commands.run(grow);

        assertThat(Files.getFileStore(root).getTotalSpace() - before)
                .as("bytes the filesystem has got of %d", added)
                .isGreaterThan(added / 2);
        files.verify(disk.remount().resolve("files"));
        assertThat(disk.size()).isEqualTo(size);
        assertThat(disk.spec().size()).isEqualTo(size);
        disk.unmount();
    }

    @Test
    void whoHasItOpenSeesTheNewSize(@DblockDevice(size = "8MiB") BlockDevice disk) throws Exception {
        try (FileChannel channel = disk.openChannel()) {
            disk.resize("4MiB");
            assertThat(channel.size()).isEqualTo(4 << 20);
            assertThatThrownBy(() -> channel.write(AlignedBuffers.allocate(4096), 4 << 20))
                    .isInstanceOf(IOException.class);
            disk.resize("16MiB");
            assertThat(channel.size()).isEqualTo(16 << 20);
            assertThat(channel.write(AlignedBuffers.allocate(4096), (16 << 20) - 4096))
                    .isEqualTo(4096);
        }
        assertThat(disk.journal().entries())
                .filteredOn(EventEntry.class::isInstance)
                .extracting(entry -> ((EventEntry) entry).kind())
                .containsExactly(EventKind.RESIZED, EventKind.RESIZED);
    }

    /** A new size is durable at once; what was written there is not. */
    @Test
    void aPowerCutKeepsTheSize(@DblockDevice(size = "8MiB") BlockDevice disk) throws Exception {
        disk.resize("16MiB");
        try (FileChannel channel = disk.openChannel()) {
            channel.write(AlignedBuffers.allocate(4096).put(0, (byte) 1), 12 << 20);
            assertThat(disk.unflushed()).hasSize(1);
        }
        try (BlockDevice fork = disk.fork()) {
            disk.powerCut();
            assertThatThrownBy(() -> disk.resize("8MiB")).isInstanceOf(IllegalStateException.class);
            disk.restorePower();
            assertThat(disk.size()).isEqualTo(16 << 20);
            assertThat(byteAt(disk)).isZero();
            assertThat(fork.size()).isEqualTo(16 << 20);
            assertThat(byteAt(fork)).isEqualTo((byte) 1);
        }
    }

    /** What mkfs needs at least is no limit for a disk that has been formatted. */
    @Test
    void aDiskMayBecomeSmallerThanItsFilesystemCouldBeMadeOn(
            @DblockDevice(size = "320MiB", filesystem = Filesystem.XFS) BlockDevice disk) throws Exception {
        disk.resize("256MiB");
        assertThat(disk.size()).isEqualTo(256 << 20);
        assertThat(disk.spec().size()).isEqualTo(256 << 20);
        try (Snapshot snapshot = disk.snapshot();
                BlockDevice fork = disk.fork()) {
            assertThat(snapshot.size()).isEqualTo(256 << 20);
            assertThat(fork.size()).isEqualTo(256 << 20);
            try (FileChannel channel = fork.openChannel()) {
                assertThat(channel.size()).isEqualTo(256 << 20);
                assertThat(channel.read(AlignedBuffers.allocate(4096), (256 << 20) - 4096))
                        .isEqualTo(4096);
            }
        }
        assertThatThrownBy(disk::format)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("XFS needs at least 300MiB");
        disk.resize("320MiB");
        disk.format();
    }

    @Test
    void aSizeThatCannotBeChangesNothing(@DblockDevice(size = "64MiB", filesystem = Filesystem.EXT4) BlockDevice disk) {
        assertThatThrownBy(() -> disk.resize(64 << 20 | 100)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> disk.resize(1L << 60)).isInstanceOf(IllegalArgumentException.class);
        assertThat(disk.size()).isEqualTo(64 << 20);
        try (Snapshot snapshot = disk.snapshot();
                BlockDevice fork = disk.fork()) {
            assertThat(snapshot.size()).isEqualTo(64 << 20);
            assertThat(fork.size()).isEqualTo(64 << 20);
            assertThat(fork.mount()).isDirectory();
        }
    }

    @Test
    void anImageThatIsSmallerThanMkfsWouldHaveItCanBeForked() throws Exception {
        Path image = dir.resolve("small");
        try (BlockDevice disk = BlockDevice.builder()
                        .size("64MiB")
                        .filesystem(Filesystem.BTRFS)
                        .mkfsOptions("--mixed")
                        .create();
                Snapshot snapshot = disk.snapshot()) {
            snapshot.save(image);
        }
        try (BlockDevice disk = BlockDevice.builder()
                .image(image, ImageMode.COPY_ON_WRITE)
                .filesystem(Filesystem.BTRFS)
                .create()) {
            Files.writeString(disk.mount().resolve("file"), "content");
            disk.unmount();
            try (BlockDevice fork = disk.fork()) {
                assertThat(fork.size()).isEqualTo(64 << 20);
                assertThat(fork.mount().resolve("file")).hasContent("content");
            }
        }
    }

    private static byte byteAt(BlockDevice disk) throws IOException {
        try (FileChannel channel = disk.openChannel()) {
            var block = AlignedBuffers.allocate(4096);
            channel.read(block, 12 << 20);
            return block.get(0);
        }
    }

    @Test
    void anImageInPlaceGrowsAndOneThatIsReadOnlyDoesNot() throws Exception {
        Path image = dir.resolve("image");
        Commands.run("truncate", "-s", "8M", image);
        try (BlockDevice disk =
                BlockDevice.builder().image(image, ImageMode.IN_PLACE).create()) {
            disk.resize("12MiB");
        }
        assertThat(Files.size(image)).isEqualTo(12 << 20);
        try (BlockDevice disk =
                BlockDevice.builder().image(image, ImageMode.READ_ONLY).create()) {
            assertThatThrownBy(() -> disk.resize("8MiB"))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("read-only");
            assertThatThrownBy(() -> disk.setReadOnly(false)).isInstanceOf(IllegalStateException.class);
        }
    }
}
