// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashReport;
import io.dblock.crash.CrashTest;
import io.dblock.crash.FailedState;
import io.dblock.it.crash.LogWorkload.AfterRecovery;
import io.dblock.it.crash.WriteAheadLog.Bug;
import io.dblock.it.support.Verdict;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
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

    /**
     * Two pages that change together, by a journal before them, and one with the last value that a recovery has applied. On
     * a device without a filesystem, which would write the time of each mount.
     */
    private static final class Pair implements AutoCloseable {
        private static final int PAGE = 4096;

        private final FileChannel channel;

        private Pair(FileChannel channel) {
            this.channel = channel;
        }

        static Pair of(Path node) throws IOException {
            return new Pair(FileChannel.open(node, READ, WRITE));
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }

        private int read(int page) throws IOException {
            ByteBuffer data = ByteBuffer.allocate(1);
            channel.read(data, (long) page * PAGE);
            return data.get(0);
        }

        private void write(int page, int value) throws IOException {
            ByteBuffer data = ByteBuffer.allocate(PAGE).put(0, (byte) value);
            channel.write(data, (long) page * PAGE);
        }

        void set(int value) throws IOException {
            write(0, value);
            channel.force(true);
            apply(value);
        }

        private void apply(int value) throws IOException {
            write(1, value);
            write(2, value);
            channel.force(true);
            write(0, 0);
            channel.force(true);
        }

        /** Returns the value of both pages. */
        int recovered() throws IOException {
            int journaled = read(0);
            if (journaled != 0) {
                write(3, journaled);
                apply(journaled);
            }
            assertThat(read(1)).isEqualTo(read(2)).isGreaterThanOrEqualTo(read(3));
            return read(1);
        }
    }

    private static CrashReport pair(int cuts) throws IOException {
        try (BlockDevice raw = BlockDevice.builder().size("1MiB").create()) {
            CrashTest test = CrashTest.of(raw)
                    .workload(run -> {
                        try (Pair pair = Pair.of(raw.path())) {
                            for (int value = 1; value <= ENTRIES; value++) {
                                pair.set(value);
                                run.acknowledge(value);
                            }
                        }
                    })
                    .check(state -> {
                        try (Pair pair = Pair.of(state.path())) {
                            List<Integer> acknowledged = state.acknowledged(Integer.class);
                            assertThat(pair.recovered()).isGreaterThanOrEqualTo(acknowledged.size());
                        }
                    })
                    .cutsDuringRecovery(cuts);
            CrashReport report = test.verify();
            System.out.println(cuts + " cuts during recovery: " + report);
            assertThat(report.left()).isZero();
            return report;
        }
    }

    @Test
    void cutsDuringRecoveryEndWhenNothingNewIsLeft() throws Exception {
        CrashReport one = pair(1);
        CrashReport few = pair(3);
        CrashReport many = pair(30);
        assertThat(one.inRecovery()).isPositive();
        assertThat(few.recoveries()).isGreaterThan(one.recoveries());
        assertThat(many.recoveries()).isEqualTo(few.recoveries());
        assertThat(many.inRecovery()).isEqualTo(few.inRecovery());
    }
}
