// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.fs;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.it.support.Commands;
import io.dblock.it.support.FileTree;
import io.dblock.junit.DblockDevice;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Real filesystems on a real device: made, mounted, filled, read back from the device, and checked by their own tools. */
class FilesystemsIT {

    @Test
    void ext4KeepsItsFilesAndChecksClean(@DblockDevice(size = "128MiB", filesystem = Filesystem.EXT4) BlockDevice disk)
            throws Exception {
        keepsItsFiles(disk, "e2fsck", "-f", "-n", disk.path());
    }

    @Test
    void ext4OnBlocksOf4096BytesKeepsItsFiles(
            @DblockDevice(size = "128MiB", filesystem = Filesystem.EXT4, logicalBlockSize = 4096) BlockDevice disk)
            throws Exception {
        keepsItsFiles(disk, "e2fsck", "-f", "-n", disk.path());
    }

    @Test
    void xfsKeepsItsFilesAndChecksClean(@DblockDevice(size = "320MiB", filesystem = Filesystem.XFS) BlockDevice disk)
            throws Exception {
        keepsItsFiles(disk, "xfs_repair", "-n", disk.path());
    }

    @Test
    void btrfsKeepsItsFilesAndChecksClean(
            @DblockDevice(size = "256MiB", filesystem = Filesystem.BTRFS) BlockDevice disk) throws Exception {
        keepsItsFiles(disk, "btrfs", "check", "--readonly", disk.path());
    }

    private static void keepsItsFiles(BlockDevice disk, Object... check) throws Exception {
        Path root = disk.mount();
        FileTree files = FileTree.write(root.resolve("files"), 20261122L, 60, 200_000);

        disk.dropCaches();
        files.verify(root.resolve("files"));
        assertThat(disk.statistics().bytesRead())
                .as("read from the device, not from a cache")
                .isPositive();

        Path again = disk.remount();
        files.verify(again.resolve("files"));

        disk.unmount();
        assertThat(disk.mountPoint()).isEmpty();
        Commands.run(check);
        assertThat(disk.handlerFailures()).isEmpty();
    }
}
