// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static io.dblock.Filesystem.BTRFS;
import static io.dblock.Filesystem.EXT4;
import static io.dblock.Filesystem.XFS;
import static io.dblock.handler.Operation.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.crash.CrashReport;
import io.dblock.crash.CrashTest;
import io.dblock.fault.Fault;
import io.dblock.it.support.ResultTable;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A crash test beside the loop that one would write by hand: the workload again for each state, and a cut at some write. */
@Timeout(600)
class CrashSpeedIT {
    private static final int LINES = 20;
    private static final int LOOPS = 40;

    private static BlockDevice disk(Filesystem filesystem) {
        String size = filesystem == XFS ? "320MiB" : "128MiB";
        return BlockDevice.builder().size(size).filesystem(filesystem).seed(1).create();
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
            try (BlockDevice disk = disk(EXT4)) {
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

    private static CrashReport crashTest(Filesystem filesystem, CrashTest.Check check) {
        try (BlockDevice disk = disk(filesystem)) {
            return CrashTest.of(disk)
                    .workload(run -> {
                        append(disk.mount().resolve("lines"), run::acknowledge);
                        disk.unmount(); // btrfs does not mount two devices with one id
                    })
                    .check(check)
                    .samples(20)
                    .prune(false) // All are shown, whatever the check reads.
                    .within(Duration.ofSeconds(15))
                    .verify();
        }
    }

    private static void put(String what, long perMinute) {
        ResultTable.of("crash-speed", "CrashSpeedIT", "what is done with a state", "states a minute", "ms a state")
                .put(what, perMinute, String.format(Locale.ROOT, "%.1f", 60_000.0 / perMinute));
    }

    /** Where a state's time goes is the difference between rows. */
    @Test
    void itIsManyTimesAsFastAsALoop() throws Exception {
        byHand(); // So that what the first device takes is not counted.
        put("shown", crashTest(EXT4, state -> {}).perMinute());
        put(
                "mounted, EXT4",
                crashTest(EXT4, state -> assertThat(state.mount()).isDirectory())
                        .perMinute());
        Map<Filesystem, CrashReport> checked = new EnumMap<>(Filesystem.class);
        for (Filesystem filesystem : List.of(EXT4, XFS, BTRFS)) {
            CrashReport report = crashTest(
                    filesystem, state -> check(state.mount().resolve("lines"), state.acknowledged(Integer.class)));
            checked.put(filesystem, report);
            put("mounted and checked, " + filesystem, report.perMinute());
        }
        double byHand = byHand();
        put("by hand, EXT4", Math.round(byHand));
        CrashReport report = checked.get(EXT4);
        System.out.println("crash states by hand a minute: " + byHand + "; by a test: " + checked);
        assertThat(report.checked()).isGreaterThan(50);
        assertThat(report.perMinute()).as("states a minute, by hand %s", byHand).isGreaterThan((long) (3 * byHand));
    }
}
