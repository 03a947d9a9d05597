// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.times;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What a test pays for its disk. Printed, not asserted: the machine is shared. */
class LifecycleTimesIT {

    private static final int ROUNDS = 7;

    private final Map<String, List<Long>> times = new LinkedHashMap<>();

    @Test
    void aDisksLifeIsTimedStepByStep() throws Exception {
        for (int round = 0; round <= ROUNDS; round++) {
            long start = System.nanoTime();
            BlockDevice disk = BlockDevice.builder().size("64MiB").create();
            lap("create (raw)", start, round);
            start = System.nanoTime();
            disk.close();
            lap("destroy (raw)", start, round);

            long whole = System.nanoTime();
            disk = BlockDevice.builder()
                    .size("64MiB")
                    .filesystem(Filesystem.EXT4)
                    .create();
            lap("create + mkfs.ext4", whole, round);
            start = System.nanoTime();
            assertThat(Files.exists(disk.mount())).isTrue();
            lap("mount", start, round);
            start = System.nanoTime();
            disk.unmount();
            lap("unmount", start, round);
            start = System.nanoTime();
            disk.close();
            lap("destroy", start, round);
            lap("all of create + mkfs.ext4 + mount + unmount + destroy", whole, round);
        }
        times.forEach((step, all) -> {
            Collections.sort(all);
            System.out.printf(
                    "  %-55s median %6.1f ms, %6.1f to %6.1f over %d rounds%n",
                    step, all.get(all.size() / 2) / 1e6, all.get(0) / 1e6, all.get(all.size() - 1) / 1e6, all.size());
        });
    }

    /** The first round, which loads classes and the module, does not count. */
    private void lap(String step, long start, int round) {
        if (round > 0) {
            times.computeIfAbsent(step, s -> new ArrayList<>()).add(System.nanoTime() - start);
        }
    }
}
