// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SparseBitmapTest {
    /** Several leaves, the last one short. */
    private static final int BITS = 5 * 32768 + 100;

    @Test
    void randomRangesAgreeWithABitSet() {
        for (long seed = 1; seed <= 20; seed++) {
            Random random = new Random(seed);
            SparseBitmap bitmap = new SparseBitmap(BITS);
            BitSet model = new BitSet(BITS);
            for (int step = 0; step < 400; step++) {
                int from = random.nextInt(BITS);
                int to = random.nextInt(4) == 0
                        ? from + random.nextInt(BITS - from) + 1
                        : Math.min(BITS, from + random.nextInt(200));
                if (random.nextInt(8) == 0) {
                    from = from / 32768 * 32768;
                }
                String what = "seed " + seed + ", step " + step + ", " + from + " to " + to;
                switch (random.nextInt(4)) {
                    case 0 -> {
                        bitmap.set(from, to);
                        model.set(from, to);
                    }
                    case 1 -> {
                        bitmap.clear(from, to);
                        model.clear(from, to);
                    }
                    case 2 -> {
                        int set = model.nextSetBit(from);
                        assertThat(bitmap.nextSet(from, to)).as(what).isEqualTo(set < 0 || set > to ? to : set);
                    }
                    default ->
                        assertThat(bitmap.nextClear(from, to))
                                .as(what)
                                .isEqualTo(Math.min(model.nextClearBit(from), to));
                }
                assertThat(bitmap.get(from)).as(what).isEqualTo(model.get(from));
            }
        }
    }

    @Test
    void sixteenTebibytesOfPagesAreSetAndClearedAtOnce() {
        long bits = 1L << 32;
        SparseBitmap bitmap = new SparseBitmap(bits);
        bitmap.set(0, bits);
        assertThat(bitmap.nextClear(0, bits)).isEqualTo(bits);
        bitmap.clear(12345, 12346);
        assertThat(bitmap.nextClear(0, bits)).isEqualTo(12345);
        bitmap.clear(0, bits);
        assertThat(bitmap.nextSet(0, bits)).isEqualTo(bits);
        bitmap.set(bits - 1, bits);
        assertThat(bitmap.nextSet(0, bits)).isEqualTo(bits - 1);
    }

    @Test
    void threadsThatChangeNeighbouringBitsLoseNone() throws Exception {
        int threads = 4;
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        try {
            for (int round = 0; round < 50; round++) {
                SparseBitmap bitmap = new SparseBitmap(1 << 16);
                if (round % 2 == 0) {
                    bitmap.set(0, 1 << 16);
                }
                boolean value = round % 2 != 0;
                List<Future<?>> done = new ArrayList<>();
                for (int thread = 0; thread < threads; thread++) {
                    int mine = thread;
                    done.add(executor.submit(() -> {
                        for (int bit = mine; bit < 1 << 16; bit += threads) {
                            if (value) {
                                bitmap.set(bit, bit + 1);
                            } else {
                                bitmap.clear(bit, bit + 1);
                            }
                        }
                    }));
                }
                for (Future<?> one : done) {
                    one.get(30, TimeUnit.SECONDS);
                }
                assertThat(value ? bitmap.nextClear(0, 1 << 16) : bitmap.nextSet(0, 1 << 16))
                        .as("round %d", round)
                        .isEqualTo(1 << 16);
            }
        } finally {
            executor.shutdownNow();
        }
    }
}
