// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static io.dblock.Filesystem.EXT4;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashReport;
import io.dblock.crash.CrashTest;
import io.dblock.it.crash.WriteAheadLog.Bug;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A power cut during recovery. */
@Timeout(600)
class RecoveryCutIT {
    private static final int ENTRIES = 4;

    private BlockDevice disk;

    @BeforeEach
    void createDisk() {
        disk = BlockDevice.builder()
                .size("16MiB")
                .filesystem(EXT4)
                .mountOptions("commit=3600")
                .seed(1)
                .create();
    }

    @AfterEach
    void closeDisk() {
        disk.close();
    }

    /** {@code folds}: recovery writes a snapshot of what it finds, as it should. */
    private CrashTest test(Set<Bug> bugs, boolean folds) {
        return CrashTest.of(disk)
                .workload(run -> {
                    try (WriteAheadLog log = WriteAheadLog.open(disk.mount(), bugs)) {
                        for (int i = 1; i <= ENTRIES; i++) {
                            log.put(i, 1000 + i);
                            run.acknowledge(i);
                        }
                    }
                })
                .check(state -> {
                    try (WriteAheadLog log = WriteAheadLog.open(state.mount(), bugs)) {
                        Map<Integer, Integer> expected = new TreeMap<>();
                        state.acknowledged(Integer.class).forEach(key -> expected.put(key, 1000 + key));
                        assertThat(log.map()).containsAllEntriesOf(expected);
                        if (folds) {
                            log.checkpoint();
                        }
                    }
                })
                .samples(1)
                .every(4);
    }

    private CrashTest withBug() {
        return test(EnumSet.of(Bug.RECOVERY_NOT_REPEATABLE), false);
    }

    @Test
    void aRecoveryThatMustNotBeCutIsFoundByACutDuringItOnly() {
        CrashReport without = withBug().verify();
        assertThat(without.left()).isZero();
        assertThat(without.recoveries()).isZero();

        disk.unmount();
        disk.format();
        Throwable failure = catchThrowable(
                () -> System.out.println(withBug().cutsDuringRecovery(1).verify()));
        System.out.println("a cut during recovery: " + failure);
        assertThat(failure)
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("; and while that recovered, after ")
                .hasMessageContaining("What the cut before it lost:");

        String id = failure.getMessage().replaceAll("(?s).*-Ddblock.crash.state=(\\S+).*", "$1");
        assertThat(id).contains("+");
        disk.unmount();
        disk.format();
        System.setProperty(CrashTest.STATE, id);
        try {
            Throwable again = catchThrowable(
                    () -> System.out.println(withBug().cutsDuringRecovery(1).verify()));
            assertThat(again)
                    .isInstanceOf(AssertionError.class)
                    .hasMessageContaining("; and while that recovered, after ");
        } finally {
            System.clearProperty(CrashTest.STATE);
        }
    }

    @Test
    void aRecoveryThatCanBeRepeatedIsRight() {
        CrashReport report = test(Set.of(), true)
                .cutsDuringRecovery(2)
                .within(Duration.ofSeconds(60))
                .verify();
        System.out.println("cuts during recovery: " + report);
        assertThat(report.recoveries()).isPositive();
        assertThat(report.inRecovery()).isGreaterThan(100);
    }
}
