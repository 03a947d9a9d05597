// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.fault.Tear;
import io.dblock.internal.store.Extents.Extent;
import java.util.ArrayList;
import java.util.List;

/**
 * Which blocks of a torn write are lost.
 *
 * @param tear how the write is torn
 * @param block the logical block, in bytes
 * @param max the most units in a tear that is not a prefix or suffix
 */
record Tearing(Tear tear, int block, long max) {

    /**
     * Returns the parts that are lost: at least one block, and not all. There must be more than {@code tear.blocks()}
     * blocks.
     */
    List<Extent> lost(List<Extent> parts, RuleRandom draws) {
        long blocks = parts.stream().mapToLong(Extent::length).sum() / block;
        return switch (tear.kind()) {
            case PREFIX -> map(parts, tear.blocks(), blocks);
            case SUFFIX -> map(parts, 0, blocks - tear.blocks());
            case EVERY_OTHER, RANDOM -> units(parts, blocks, draws);
        };
    }

    private List<Extent> units(List<Extent> parts, long blocks, RuleRandom draws) {
        long perUnit = Math.max(1, (blocks + max - 1) / max);
        int units = (int) ((blocks + perUnit - 1) / perUnit);
        boolean[] kept = new boolean[units];
        int count = 0;
        for (int i = 0; i < units; i++) {
            kept[i] = tear.kind() == Tear.Kind.RANDOM ? (draws.nextLong() & 1) == 0 : i % 2 == 0;
            count += kept[i] ? 1 : 0;
        }
        if (count == 0 || count == units) {
            int other = draws.nextInt(units);
            kept[other] = !kept[other];
        }
        List<Extent> lost = new ArrayList<>();
        for (int i = 0; i < units; i++) {
            if (!kept[i]) {
                lost.addAll(map(parts, i * perUnit, Math.min(blocks, (i + 1) * perUnit)));
            }
        }
        return lost;
    }

    /** Returns where blocks {@code first} to before {@code end} are, counted across all parts. */
    private List<Extent> map(List<Extent> parts, long first, long end) {
        List<Extent> found = new ArrayList<>();
        long before = 0;
        for (Extent part : parts) {
            long from = Math.max(0, first * block - before);
            long to = Math.min(part.length(), end * block - before);
            if (from < to) {
                found.add(new Extent(part.start() + from, part.start() + to));
            }
            before += part.length();
        }
        return found;
    }
}
