// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.handler.Operation.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashReport;
import io.dblock.crash.CrashTest;
import io.dblock.fault.Fault;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A crash test beside the loop that one would write by hand: the workload again for each state, and a cut at some write. */
@Timeout(600)
class CrashSpeedIT {
    private static final int LINES = 20;
    private static final int LOOPS = 40;

    private static BlockDevice disk() {
        return BlockDevice.builder().size("64MiB").filesystem(EXT4).seed(1).create();
    }

    private static void append(Path file, Consumer<Integer> acknowledge) throws IOException {
        for (int i = 0; i < LINES; i++) {
            Files.writeString(
                    file, i + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND, StandardOpenOption.DSYNC);
            acknowledge.accept(i);
        }
    }

    private static void check(Path file, List<Integer> acknowledged) throws IOException {
        List<Integer> lines = Files.exists(file)
                ? Files.readAllLines(file).stream().map(Integer::valueOf).toList()
                : List.of();
        assertThat(lines).containsAll(acknowledged);
    }

    private static double byHand() throws Exception {
        long start = System.nanoTime();
        for (int i = 0; i < LOOPS; i++) {
            List<Integer> acknowledged = new ArrayList<>();
            try (BlockDevice disk = disk()) {
                Path file = disk.mount().resolve("lines");
                Fault cut = disk.faults()
                        .on(WRITE)
                        .after(1 + i % 20)
                        .times(1)
                        .lenient()
                        .powerCut(Survivors.random(i).lenient());
                try {
                    append(file, acknowledged::add);
                } catch (IOException e) {
                    // The power was cut.
                } finally {
                    cut.close();
                }
                if (disk.powered()) {
                    disk.powerCut();
                }
                disk.restorePower();
                check(disk.mount().resolve("lines"), acknowledged);
            }
        }
        return LOOPS * 60e9 / (System.nanoTime() - start);
    }

    private static CrashReport crashTest(CrashTest.Check check) {
        try (BlockDevice disk = disk()) {
            return CrashTest.of(disk)
                    .workload(run -> append(disk.mount().resolve("lines"), run::acknowledge))
                    .check(check)
                    .samples(20)
                    .within(Duration.ofSeconds(30))
                    .verify();
        }
    }

    @Test
    void itIsManyTimesAsFastAsALoop() throws Exception {
        byHand(); // So that what the first device takes is not counted.
        CrashReport mounted = crashTest(state -> assertThat(state.mount()).isDirectory());
        CrashReport checked =
                crashTest(state -> check(state.mount().resolve("lines"), state.acknowledged(Integer.class)));
        double byHand = byHand();
        System.out.printf(
                "crash states a minute: mounted only %d, with a check %d, by hand %.0f; %.1f times%n%s%n",
                mounted.perMinute(), checked.perMinute(), byHand, checked.perMinute() / byHand, checked);
        assertThat(checked.checked()).isGreaterThan(50);
        assertThat(checked.perMinute())
                .as("states a minute, by hand %s", byHand)
                .isGreaterThan((long) (3 * byHand));
    }
}
