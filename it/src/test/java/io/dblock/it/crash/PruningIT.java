// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static io.dblock.Filesystem.XFS;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.crash.CrashReport;
import io.dblock.crash.CrashTest;
import io.dblock.it.crash.WriteAheadLog.Bug;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** States that are left out because nothing reads what they differ in would have had the same verdict. */
@Timeout(600)
class PruningIT {
    private static final int ENTRIES = 7;
    private static final int CHECKPOINT = 4;

    private static BlockDevice disk(Filesystem filesystem) {
        BlockDevice.Builder disk = BlockDevice.builder().filesystem(filesystem).seed(1);
        return filesystem == XFS
                ? disk.size("320MiB").create()
                : disk.size("16MiB").mountOptions("commit=3600").create();
    }

    private static CrashTest test(BlockDevice disk, Set<Bug> bugs) {
        return CrashTest.of(disk)
                .workload(run -> {
                    try (WriteAheadLog log = WriteAheadLog.open(disk.mount(), bugs)) {
                        for (int i = 1; i <= ENTRIES; i++) {
                            log.put(i, 1000 + i);
                            run.acknowledge(i);
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
                    }
                });
    }

    /** Runs all states, and returns the ids of those that failed; {@code names} gets those of all that were run. */
    private static Set<String> failed(CrashTest test, List<String> names) {
        Set<String> failed = new TreeSet<>();
        try (Stream<DynamicTest> tests = test.within(Duration.ofMinutes(4)).states()) {
            tests.forEach(one -> {
                names.add(one.getDisplayName());
                try {
                    one.getExecutable().execute();
                } catch (AssertionError e) {
                    failed.add(one.getDisplayName().replaceAll(" .*", ""));
                } catch (Throwable e) {
                    throw new IllegalStateException(e);
                }
            });
        }
        return failed;
    }

    @ParameterizedTest
    @CsvSource({"EXT4, SYNC_EVERY_SECOND", "EXT4, NO_CHECKSUM", "EXT4, SNAPSHOT_NOT_SYNCED", "XFS, LAST_NOT_SYNCED"})
    void theSameStatesFailWithoutPruning(Filesystem filesystem, Bug bug) {
        List<String> all = new ArrayList<>();
        List<String> some = new ArrayList<>();
        Set<String> expected;
        Set<String> found;
        try (BlockDevice disk = disk(filesystem)) {
            expected = failed(test(disk, EnumSet.of(bug)).prune(false), all);
        }
        try (BlockDevice disk = disk(filesystem)) {
            found = failed(test(disk, EnumSet.of(bug)), some);
        }
        System.out.println("pruning, " + filesystem + ", " + bug + ": " + expected.size() + " states fail;\n  without: "
                + all.get(all.size() - 1) + "\n  with: " + some.get(some.size() - 1));
        assertThat(expected).isNotEmpty();
        assertThat(found).isEqualTo(expected);
        assertThat(some).hasSizeLessThan(all.size());
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
