// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static io.dblock.Filesystem.EXT4;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.junit.jupiter.params.provider.EnumSource.Mode.EXCLUDE;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashReport;
import io.dblock.crash.CrashTest;
import io.dblock.it.crash.WriteAheadLog.Bug;
import io.dblock.it.support.Verdict;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** A crash test finds each of a dozen bugs of a write-ahead log, and nothing where there is none. */
@Timeout(600)
class WriteAheadLogIT {
    private static final int ENTRIES = 10;
    private static final int CHECKPOINT = 4;

    /** A hundred are checked now and then: {@code -Ddblock.crash.seeds=100}. */
    static LongStream seeds() {
        return LongStream.rangeClosed(1, Integer.getInteger("dblock.crash.seeds", 2));
    }

    private static BlockDevice disk(long seed) {
        // The kernel does not commit on its own, so each run makes the same requests.
        return BlockDevice.builder()
                .size("16MiB")
                .filesystem(EXT4)
                .mountOptions("commit=3600")
                .seed(seed)
                .create();
    }

    private static CrashTest test(BlockDevice disk, Set<Bug> bugs) {
        return CrashTest.of(disk)
                .workload(run -> {
                    try (WriteAheadLog log = WriteAheadLog.open(disk.mount(), bugs)) {
                        for (int i = 1; i <= ENTRIES; i++) {
                            if (bugs.contains(Bug.ACKNOWLEDGED_FIRST)) {
                                run.acknowledge(i);
                            }
                            log.put(i, 1000 + i);
                            if (!bugs.contains(Bug.ACKNOWLEDGED_FIRST)) {
                                run.acknowledge(i);
                            }
                            if (i % CHECKPOINT == 0) {
                                log.checkpoint();
                            }
                        }
                    }
                })
                .check(state -> {
                    try (WriteAheadLog log = WriteAheadLog.open(state.mount(), bugs)) {
                        Map<Integer, Integer> expected = new TreeMap<>();
                        state.acknowledged(Integer.class).forEach(key -> expected.put(key, 1000 + key));
                        assertThat(log.map()).containsAllEntriesOf(expected);
                        assertThat(log.map().keySet()).allMatch(key -> key >= 1 && key <= ENTRIES);
                    }
                });
    }

    @ParameterizedTest
    @EnumSource(mode = EXCLUDE, names = "RECOVERY_NOT_REPEATABLE")
    void eachBugIsFound(Bug bug) {
        try (BlockDevice disk = disk(1)) {
            assertThat(Finding.of(bug, test(disk, EnumSet.of(bug))).state()).isPositive();
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void nothingIsFoundWithoutABug(long seed) {
        try (BlockDevice disk = disk(seed)) {
            CrashReport report = test(disk, Set.of()).verify();
            System.out.println("WAL without bugs, seed " + seed + ": " + report);
            assertThat(report.checked()).isGreaterThan(100);
        }
    }

    @Test
    void aStateIsReplayedByItsId() throws Exception {
        EnumSet<Bug> bugs = EnumSet.of(Bug.NO_SYNC);
        try (BlockDevice disk = disk(1)) {
            Throwable failure =
                    catchThrowable(() -> System.out.println(test(disk, bugs).verify()));
            Verdict.failsAgain(failure, disk, () -> test(disk, bugs));
        }
    }
}
