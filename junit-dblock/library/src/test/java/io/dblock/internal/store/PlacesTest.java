// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.handler.BlockIOException;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PlacesTest {
    private static final int CHUNKS = 3;

    private static int at(Random random) {
        return switch (random.nextInt(3)) {
            case 0 -> 0;
            case 1 -> BlockIndex.FAN;
            default -> random.nextInt(BlockIndex.FAN + 1);
        };
    }

    /** Ranges are set and replaced at random, many of them at the start, at the end or whole, and compared to an array. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void placesAreWhatAnArrayHasAndEachIsOneReference(int seed) throws BlockIOException {
        Random random = new Random(seed);
        BlockLog log = new BlockLog();
        Chunk[] chunks = new Chunk[CHUNKS];
        for (int i = 0; i < CHUNKS; i++) {
            chunks[i] = log.take(Chunk.SIZE);
        }
        Places places = Places.all(log, BlockLog.ZEROS);
        long[] expected = new long[BlockIndex.FAN];
        Arrays.fill(expected, BlockLog.ZEROS);
        int wholes = 0;
        int unchanged = 0;
        for (int round = 0; round < 5000; round++) {
            int one = at(random);
            int other = at(random);
            int from = Math.min(one, other);
            int end = Math.max(one, other);
            long place = random.nextInt(4) == 0
                    ? random.nextBoolean() ? BlockLog.ZEROS : BlockLog.BELOW
                    : chunks[random.nextInt(CHUNKS)].place(
                            random.nextInt(Chunk.BLOCKS - BlockIndex.FAN) * BlockLog.BLOCK);
            if (from < end) {
                places.set(from, end, place);
                for (int i = from; i < end; i++) {
                    expected[i] = BlockLog.behind(place, i - from);
                }
            }
            long seen = from < end ? expected[from] : 0;
            if (seen > 0) {
                long to = chunks[random.nextInt(CHUNKS)].place(0) + random.nextInt(Chunk.BLOCKS - BlockIndex.FAN);
                int last = Math.min(BlockIndex.FAN, end + random.nextInt(20));
                places.replace(from, last, seen, to);
                for (int i = from; i < last; i++) {
                    if (expected[i] == seen + i - from) {
                        expected[i] = to + i - from;
                    } else {
                        unchanged++;
                    }
                }
            }
            if (random.nextBoolean()) {
                places.join();
            }
            wholes += places.areSideBySide() ? 1 : 0;
            check(places, expected, random);
            checkReferences(chunks, expected, 1);
            if (round % 100 == 0) {
                Places copy = places.copy();
                copy.retain();
                check(copy, expected, random);
                checkReferences(chunks, expected, 2);
                places.release();
                places = copy;
            }
        }
        assertThat(wholes).as("rounds with all blocks side by side").isGreaterThan(100);
        assertThat(unchanged).as("entries that name something else by now").isGreaterThan(100);
        places.release();
        checkReferences(chunks, new long[0], 1);
    }

    private static void check(Places places, long[] expected, Random random) {
        for (int i = 0; i < expected.length; i++) {
            assertThat(places.get(i)).as("block %d", i).isEqualTo(expected[i]);
        }
        int from = random.nextInt(expected.length);
        int end = from + 1;
        while (end < expected.length && expected[end] == BlockLog.behind(expected[from], end - from)) {
            end++;
        }
        assertThat(places.runEnd(from, expected.length, expected[from])).isEqualTo(end);
        assertThat(places.runEnd(from, expected.length, 1L << 40)).isEqualTo(from);
    }

    private static void checkReferences(Chunk[] chunks, long[] expected, int times) {
        for (Chunk chunk : chunks) {
            long named = Arrays.stream(expected)
                    .filter(place -> place > 0 && BlockLog.areInOneChunk(place, chunk.place(0)))
                    .count();
            // One is that of who has taken the chunk.
            assertThat(chunk.references.get()).isEqualTo(1 + (int) named * times);
        }
    }
}
