// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.zoned;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.it.support.Commands;
import io.dblock.it.support.FileTree;
import io.dblock.it.support.SystemCalls;
import io.dblock.it.support.SystemCalls.Mode;
import io.dblock.junit.DblockDevice;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Zoned devices, as the kernel, its tools and a filesystem made for them see them. */
class ZonedIT {
    private static final int ZONE = 4 << 20;

    private static List<String> report(BlockDevice disk) {
        return Commands.run("blkzone", "report", disk.path()).lines().toList();
    }

    @Test
    void theKernelAndItsToolSeeTheZones(
            @DblockDevice(
                            size = "64MiB",
                            zoneSize = "4MiB",
                            conventionalZones = 2,
                            maxOpenZones = 3,
                            maxActiveZones = 5)
                    BlockDevice disk) {
        try (SystemCalls node = new SystemCalls(disk.path(), Mode.DIRECT)) {
            assertThat(node.write(SystemCalls.memory(8192), 8192, 2L * ZONE).ok())
                    .isTrue();
        }
        List<String> zones = report(disk);
        assertThat(zones).hasSize(16);
        assertThat(zones.get(0)).contains("[type: 1(CONVENTIONAL)]");
        assertThat(zones.get(2)).contains("wptr 0x000010").contains("2(oi)").contains("[type: 2(SEQ_WRITE_REQUIRED)]");
        assertThat(zones.get(3)).contains("1(em)");

        Commands.run("blkzone", "finish", "-o", 3 * ZONE / 512, "-c", 1, disk.path());
        assertThat(report(disk).get(3)).contains("14(fu)");
        Commands.run("blkzone", "reset", disk.path(), "-o", 2 * ZONE / 512);
        assertThat(report(disk).subList(2, 16))
                .allSatisfy(zone -> assertThat(zone).contains("1(em)"));
    }

    @Test
    void writesGoWhereTheZoneIsWritten(@DblockDevice(size = "64MiB", zoneSize = "4MiB") BlockDevice disk) {
        try (SystemCalls node = new SystemCalls(disk.path(), Mode.DIRECT)) {
            assertThat(node.write(SystemCalls.memory(4096), 4096, ZONE).ok()).isTrue();
            assertThat(node.write(SystemCalls.memory(4096), 4096, ZONE).error()).hasValue(Errno.EIO);
            assertThat(node.write(SystemCalls.memory(4096), 4096, ZONE + 8192).error())
                    .hasValue(Errno.EIO);
        }
    }

    @Test
    void btrfsInZonedModeKeepsItsFiles(
            @DblockDevice(size = "512MiB", zoneSize = "4MiB", filesystem = Filesystem.BTRFS) BlockDevice disk)
            throws Exception {
        Path root = disk.mount();
        FileTree files = FileTree.write(root.resolve("files"), 20261125L, 40, 200_000);
        disk.dropCaches();
        files.verify(disk.remount().resolve("files"));
        assertThat(disk.journal().requests())
                .extracting(request -> request.info().operation())
                .contains(Operation.ZONE_APPEND, Operation.ZONE_REPORT);
        disk.unmount();
        Commands.run("btrfs", "check", "--readonly", disk.path());
    }

    /** What f2fs writes in place has to be in conventional zones. */
    @Test
    void f2fsInZonedModeKeepsItsFiles(
            @DblockDevice(size = "1GiB", zoneSize = "4MiB", conventionalZones = 8) BlockDevice disk,
            @TempDir Path directory)
            throws Exception {
        Commands.run("mkfs.f2fs", "-f", "-m", disk.path());
        FileTree files;
        Commands.run("mount", "-t", "f2fs", disk.path(), directory);
        try {
            files = FileTree.write(directory.resolve("files"), 20261126L, 40, 200_000);
        } finally {
            Commands.run("umount", directory);
        }
        disk.dropCaches();
        Commands.run("mount", "-t", "f2fs", disk.path(), directory);
        try {
            files.verify(directory.resolve("files"));
        } finally {
            Commands.run("umount", directory);
        }
        Commands.run("fsck.f2fs", "--dry-run", disk.path());
        assertThat(report(disk).subList(8, 256))
                .as("zones that are written to in order, of which some must be in use")
                .anySatisfy(zone -> assertThat(zone).doesNotContain("wptr 0x000000"));
    }

    @Test
    void whatZonesDoNotHaveIsRefused(@DblockDevice(size = "64MiB", zoneSize = "4MiB") BlockDevice disk) {
        assertThatThrownBy(disk::powerCut)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("zoned");
        assertThatThrownBy(() -> disk.resize("32MiB"))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("zoned");
    }
}
