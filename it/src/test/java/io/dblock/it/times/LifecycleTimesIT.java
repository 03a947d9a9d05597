// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.times;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.it.support.Commands;
import io.dblock.it.support.RamDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a test pays for a disk with a filesystem, beside the same mkfs and mount on the kernel's RAM disk, in turns. Printed,
 * not asserted: the machine is shared.
 */
class LifecycleTimesIT {
    private static final int ROUNDS = 7;
    private static final String OURS = "all of it on ours";
    private static final String BRD = "the same mkfs, mount, unmount on brd";

    private final Laps laps = new Laps();
    private int round;

    @Test
    void aDisksLifeIsTimedStepByStepBesideBrd(@TempDir Path mount) throws Exception {
        try (RamDisk ramDisk = RamDisk.load(1, Peer.MIB << 10)) {
            // The first round loads classes and modules.
            for (round = 0; round <= ROUNDS; round++) {
                time(OURS, this::ours);
                time(BRD, () -> brd(ramDisk.node(0), mount));
            }
        }
        System.out.printf("  %d MiB, ext4, median of %d rounds in ms (spread)%n", Peer.MIB, ROUNDS);
        for (String step :
                List.of("create and mkfs.ext4", "mount", "unmount", "destroy", OURS, "mkfs.ext4 on brd", BRD)) {
            System.out.printf("  %-40s %s%n", step, laps.text(step));
        }
        System.out.printf("  %-40s %8.2f%n", "ours to brd", laps.median(OURS) / laps.median(BRD));
    }

    private void ours() throws Exception {
        BlockDevice[] disk = new BlockDevice[1];
        time(
                "create and mkfs.ext4",
                () -> disk[0] = BlockDevice.builder()
                        .size(Peer.MIB + "MiB")
                        .filesystem(Filesystem.EXT4)
                        .create());
        time("mount", () -> assertThat(Files.exists(disk[0].mount())).isTrue());
        time("unmount", disk[0]::unmount);
        time("destroy", disk[0]::close);
    }

    /** With the options that the library gives them. */
    private void brd(Path node, Path mount) throws Exception {
        time(
                "mkfs.ext4 on brd",
                () -> Commands.run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", node));
        Commands.run("mount", "-t", "ext4", "-o", "rw,noatime", node, mount);
        Commands.run("umount", mount);
    }

    private interface Step {
        void run() throws Exception;
    }

    private void time(String name, Step step) throws Exception {
        long start = System.nanoTime();
        step.run();
        if (round > 0) {
            laps.add(name, System.nanoTime() - start);
        }
    }
}
