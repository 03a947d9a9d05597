// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashReport;
import io.dblock.crash.CrashTest;
import io.dblock.crash.FailedState;
import io.dblock.it.crash.LogWorkload.AfterRecovery;
import io.dblock.it.crash.WriteAheadLog.Bug;
import io.dblock.it.support.Verdict;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A power cut during recovery. */
@Timeout(600)
class RecoveryCutIT {
    private static final int ENTRIES = 3;

    private BlockDevice disk;

    @BeforeEach
    void createDisk() {
        disk = LogWorkload.disk(1);
    }

    @AfterEach
    void closeDisk() {
        disk.close();
    }

    private CrashTest test(Set<Bug> bugs, AfterRecovery then) {
        return LogWorkload.test(disk, ENTRIES, bugs, then).samples(1).every(4);
    }

    private CrashTest withBug() {
        return test(EnumSet.of(Bug.RECOVERY_NOT_REPEATABLE), log -> {});
    }

    @Test
    void aRecoveryThatMustNotBeCutIsFoundByACutDuringItOnly() throws Exception {
        CrashReport without = withBug().verify();
        assertThat(without.left()).isZero();
        assertThat(without.recoveries()).isZero();

        disk.unmount();
        disk.format();
        CrashTest test = withBug().cutsDuringRecovery(1);
        Throwable failure = catchThrowable(() -> System.out.println(test.verify()));
        System.out.println("a cut during recovery: " + failure);
        assertThat(failure)
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("; and while that recovered, after ")
                .hasMessageContaining("What the cut before it lost:");

        FailedState state = test.report().failures().get(0);
        assertThat(state.id()).contains("+");
        Verdict.failsAgain(state, disk, () -> withBug().cutsDuringRecovery(1));
    }

    @Test
    void aRecoveryThatCanBeRepeatedIsRight() {
        CrashReport report = test(Set.of(), WriteAheadLog::checkpoint)
                .cutsDuringRecovery(2)
                .within(Duration.ofSeconds(60))
                .verify();
        System.out.println("cuts during recovery: " + report);
        assertThat(report.recoveries()).isPositive();
        assertThat(report.inRecovery()).isGreaterThan(100);
    }
}
