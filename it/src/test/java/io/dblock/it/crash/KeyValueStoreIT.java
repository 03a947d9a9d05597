// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashTest;
import io.dblock.it.crash.KeyValueStore.Bug;
import io.dblock.it.support.Verdict;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** A crash test finds each bug of a key-value store, and nothing where there is none. */
@Timeout(600)
class KeyValueStoreIT {
    private static final int BATCHES = 12;
    private static final int KEYS = 5;

    static LongStream seeds() {
        return LongStream.rangeClosed(1, Integer.getInteger("dblock.crash.seeds", 2));
    }

    /** Changes to a few keys, so that there are old values; one in four batches only deletes. */
    private static List<SortedMap<Integer, Integer>> batches(long seed) {
        Random random = new Random(seed);
        List<SortedMap<Integer, Integer>> batches = new ArrayList<>();
        for (int number = 1; number <= BATCHES; number++) {
            SortedMap<Integer, Integer> batch = new TreeMap<>();
            for (int changes = number % 4 == 0 ? 1 : 1 + random.nextInt(3); batch.size() < changes; ) {
                batch.put(1 + random.nextInt(KEYS), number % 4 == 0 ? 0 : 10 * number + batch.size());
            }
            batches.add(batch);
        }
        return batches;
    }

    /** What the store has after each number of batches. */
    private static List<Map<Integer, Integer>> contents(List<SortedMap<Integer, Integer>> batches) {
        TreeMap<Integer, Integer> now = new TreeMap<>();
        List<Map<Integer, Integer>> contents = new ArrayList<>(List.of(Map.of()));
        for (SortedMap<Integer, Integer> batch : batches) {
            now.putAll(batch);
            now.values().removeIf(value -> value == 0);
            contents.add(Map.copyOf(now));
        }
        return contents;
    }

    private static CrashTest test(BlockDevice disk, long seed, Set<Bug> bugs) throws IOException {
        List<SortedMap<Integer, Integer>> batches = batches(seed);
        List<Map<Integer, Integer>> contents = contents(batches);
        KeyValueStore.create(disk.mount(), bugs);
        return CrashTest.of(disk)
                .workload(run -> {
                    try (KeyValueStore store = KeyValueStore.open(disk.mount(), bugs)) {
                        for (int i = 0; i < BATCHES; i++) {
                            int number = i + 1;
                            store.change(batches.get(i), () -> run.acknowledge(number));
                        }
                    }
                })
                .check(state -> {
                    try (KeyValueStore store = KeyValueStore.open(state.mount(), bugs)) {
                        int acknowledged = state.acknowledged(Integer.class).size();
                        // Nothing of the next batch has survived, or all of it.
                        assertThat(store.map())
                                .isIn(contents.subList(acknowledged, Math.min(acknowledged + 2, contents.size())));
                    }
                })
                .within(Duration.ofMinutes(1));
    }

    @ParameterizedTest
    @EnumSource
    void eachBugIsFound(Bug bug) throws Exception {
        try (BlockDevice disk = LogWorkload.disk(1)) {
            Finding.of(bug, test(disk, 1, EnumSet.of(bug)));
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void nothingIsFoundWithoutABug(long seed) throws Exception {
        try (BlockDevice disk = LogWorkload.disk(seed)) {
            Finding.none("KeyValueStore", seed, test(disk, seed, Set.of()));
        }
    }

    @Test
    void aStateIsReplayedByItsId() throws Exception {
        EnumSet<Bug> bugs = EnumSet.of(Bug.CHECKSUM_WITHOUT_LENGTH);
        try (BlockDevice disk = LogWorkload.disk(1)) {
            Verdict.of("key-value store with " + bugs, test(disk, 1, bugs)).isLoss(disk, () -> test(disk, 1, bugs));
        }
    }
}
