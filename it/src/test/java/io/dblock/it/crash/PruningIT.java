// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static io.dblock.Filesystem.XFS;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.crash.CrashReport;
import io.dblock.crash.CrashTest;
import io.dblock.it.crash.WriteAheadLog.Bug;
import io.dblock.it.support.Verdict;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.time.Duration;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** States that are left out because nothing reads what they differ in would have had the same verdict. */
@Timeout(600)
class PruningIT {
    private static final int ENTRIES = 7;

    private static BlockDevice disk(Filesystem filesystem) {
        return filesystem == XFS
                ? BlockDevice.builder().size("320MiB").filesystem(XFS).seed(1).create()
                : LogWorkload.disk(1);
    }

    private static Verdict verdict(Filesystem filesystem, Bug bug, boolean prune) throws Exception {
        try (BlockDevice disk = disk(filesystem)) {
            CrashTest test = LogWorkload.test(disk, ENTRIES, EnumSet.of(bug))
                    .prune(prune)
                    .within(Duration.ofMinutes(4));
            return Verdict.of("log on " + filesystem + " with " + bug + (prune ? ", pruned" : ", not pruned"), test);
        }
    }

    @ParameterizedTest
    @CsvSource({"EXT4, SYNC_EVERY_SECOND", "EXT4, NO_CHECKSUM", "EXT4, SNAPSHOT_NOT_SYNCED", "XFS, LAST_NOT_SYNCED"})
    void theSameStatesFailWithoutPruning(Filesystem filesystem, Bug bug) throws Exception {
        CrashReport all = verdict(filesystem, bug, false).report();
        CrashReport some = verdict(filesystem, bug, true).report();
        assertThat(all.failures()).isNotEmpty();
        assertThat(new HashSet<>(some.failures())).isEqualTo(new HashSet<>(all.failures()));
        assertThat(some.checked()).isLessThan(all.checked());
    }

    /** Were anything cached of the state before, its content would be seen, and its reads would not. */
    @Test
    void nothingIsCachedBetweenStates() {
        try (BlockDevice disk = BlockDevice.builder().size("16MiB").create()) {
            Set<Integer> seen = new TreeSet<>();
            CrashReport report = CrashTest.of(disk)
                    .workload(run -> {
                        try (FileChannel channel = disk.openChannel()) {
                            for (int i = 1; i <= 5; i++) {
                                write(channel, 0, i);
                                channel.force(false);
                                run.acknowledge(i);
                                write(channel, 12 << 20, i); // Far from what is read ahead.
                            }
                        }
                    })
                    .check(state -> {
                        int value;
                        try (InputStream in = Files.newInputStream(state.path())) {
                            value = in.read();
                        }
                        seen.add(value);
                        assertThat(value)
                                .isBetween(
                                        state.acknowledged().size(),
                                        1 + state.acknowledged().size());
                    })
                    .verify();
            assertThat(seen).containsExactly(0, 1, 2, 3, 4, 5);
            assertThat(report.pruned()).isPositive();
            assertThat(report.checked()).as("%s", report).isLessThan(40);
        }
    }

    private static void write(FileChannel channel, long offset, int value) throws IOException {
        ByteBuffer data = ByteBuffer.allocateDirect(2 * 4096).alignedSlice(4096).limit(4096);
        for (int i = 0; i < 4096; i++) {
            data.put(i, (byte) value);
        }
        channel.write(data, offset);
    }
}
