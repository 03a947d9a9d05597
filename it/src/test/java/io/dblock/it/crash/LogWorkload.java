// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static io.dblock.Filesystem.EXT4;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashTest;
import io.dblock.it.crash.WriteAheadLog.Bug;
import java.io.IOException;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The workload that the tests of crash tests share: a write-ahead log that gets entries, and has a checkpoint now and then. */
final class LogWorkload {
    private static final int CHECKPOINT = 4;

    private LogWorkload() {}

    /** Makes a disk whose filesystem does nothing on its own: neither by the clock, nor to mend what programs forget. */
    static BlockDevice disk(long seed) {
        return BlockDevice.builder()
                .size("16MiB")
                .filesystem(EXT4)
                .mountOptions("commit=3600,noauto_da_alloc")
                .seed(seed)
                .create();
    }

    /** What a recovered log does next. */
    @FunctionalInterface
    interface AfterRecovery {
        void run(WriteAheadLog log) throws IOException;
    }

    /** Makes a test of so many entries, which are numbered from 1. */
    static CrashTest test(BlockDevice disk, int entries, Set<Bug> bugs) {
        return test(disk, entries, bugs, log -> {});
    }

    static CrashTest test(BlockDevice disk, int entries, Set<Bug> bugs, AfterRecovery then) {
        return CrashTest.of(disk)
                .workload(run -> {
                    try (WriteAheadLog log = WriteAheadLog.open(disk.mount(), bugs)) {
                        for (int i = 1; i <= entries; i++) {
                            int entry = i;
                            log.put(entry, 1000 + entry, () -> run.acknowledge(entry));
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
                        assertThat(log.map().keySet()).allMatch(key -> key >= 1 && key <= entries);
                        then.run(log);
                    }
                });
    }
}
