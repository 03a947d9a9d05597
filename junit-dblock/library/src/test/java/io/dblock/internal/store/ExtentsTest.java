// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.internal.store.Extents.Extent;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ExtentsTest {

    @Test
    void rangesBehaveAsSetsOfPositions() {
        Random random = new Random(3);
        for (int round = 0; round < 200; round++) {
            Extents extents = new Extents();
            BitSet model = new BitSet();
            for (int i = 0; i < 50; i++) {
                int start = random.nextInt(100);
                int end = start + random.nextInt(20);
                int before = model.cardinality();
                if (random.nextBoolean()) {
                    model.set(start, end);
                    assertThat(extents.add(start, end)).isEqualTo(model.cardinality() - before);
                } else {
                    model.clear(start, end);
                    assertThat(extents.remove(start, end)).isEqualTo(before - model.cardinality());
                }
                int from = random.nextInt(120);
                int to = from + random.nextInt(40);
                assertThat(extents.missing(from, to)).isEqualTo(missing(model, from, to));
                BitSet others = new BitSet();
                others.set(0, 200);
                others.andNot(model);
                assertThat(extents.present(from, to)).isEqualTo(missing(others, from, to));
            }
        }
    }

    private static List<Extent> missing(BitSet model, int from, int to) {
        List<Extent> missing = new ArrayList<>();
        int at = model.nextClearBit(from);
        while (at < to) {
            int end = model.nextSetBit(at);
            end = end < 0 ? to : Math.min(to, end);
            missing.add(new Extent(at, end));
            at = model.nextClearBit(end);
        }
        return missing;
    }
}
