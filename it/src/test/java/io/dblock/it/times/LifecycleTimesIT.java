// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.times;

import static io.dblock.it.times.DiskLife.CREATE;
import static io.dblock.it.times.DiskLife.DESTROY;
import static io.dblock.it.times.DiskLife.MKFS_ON_BRD;
import static io.dblock.it.times.DiskLife.MOUNT;
import static io.dblock.it.times.DiskLife.UNMOUNT;

import java.util.List;
import org.junit.jupiter.api.Test;

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
    void aDisksLifeIsTimedStepByStepBesideBrd() throws Exception {
        try (DiskLife life = new DiskLife()) {
            // The first round loads classes and modules.
            for (round = 0; round <= ROUNDS; round++) {
                time(OURS, () -> life.ours(this::time));
                time(BRD, () -> life.brd(this::time));
            }
        }
        System.out.printf("  %d MiB, ext4, median of %d rounds in ms (spread)%n", Peer.MIB, ROUNDS);
        for (String step : List.of(CREATE, MOUNT, UNMOUNT, DESTROY, OURS, MKFS_ON_BRD, BRD)) {
            System.out.printf("  %-40s %s%n", step, laps.text(step));
        }
        System.out.printf("  %-40s %8.2f%n", "ours to brd", laps.median(OURS) / laps.median(BRD));
    }

    private void time(String name, DiskLife.Step step) throws Exception {
        long start = System.nanoTime();
        step.run();
        if (round > 0) {
            laps.add(name, System.nanoTime() - start);
        }
    }
}
