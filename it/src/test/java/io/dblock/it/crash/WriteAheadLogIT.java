// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static org.junit.jupiter.params.provider.EnumSource.Mode.EXCLUDE;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashTest;
import io.dblock.it.crash.WriteAheadLog.Bug;
import io.dblock.it.support.Verdict;
import java.util.EnumSet;
import java.util.Set;
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

    /** A hundred are checked now and then: {@code -Ddblock.crash.seeds=100}. */
    static LongStream seeds() {
        return LongStream.rangeClosed(1, Integer.getInteger("dblock.crash.seeds", 2));
    }

    private static CrashTest test(BlockDevice disk, Set<Bug> bugs) {
        return LogWorkload.test(disk, ENTRIES, bugs);
    }

    @ParameterizedTest
    @EnumSource(mode = EXCLUDE, names = "RECOVERY_NOT_REPEATABLE")
    void eachBugIsFound(Bug bug) {
        try (BlockDevice disk = LogWorkload.disk(1)) {
            Finding.of(bug, test(disk, EnumSet.of(bug)));
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void nothingIsFoundWithoutABug(long seed) {
        try (BlockDevice disk = LogWorkload.disk(seed)) {
            Finding.none("WriteAheadLog", seed, test(disk, Set.of()));
        }
    }

    @Test
    void aStateIsReplayedByItsId() throws Exception {
        EnumSet<Bug> bugs = EnumSet.of(Bug.NO_SYNC);
        try (BlockDevice disk = LogWorkload.disk(1)) {
            Verdict.of("write-ahead log with " + bugs, test(disk, bugs)).isLoss(disk, () -> test(disk, bugs));
        }
    }
}
