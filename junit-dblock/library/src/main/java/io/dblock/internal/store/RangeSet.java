// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.util.Map;
import java.util.TreeMap;

/** A set of bytes of a disk, kept as ranges. */
final class RangeSet {
    /** The end of each range by its start; no two ranges touch. */
    private final TreeMap<Long, Long> ranges = new TreeMap<>();

    interface Visitor {
        void range(long from, long to);
    }

    void add(long from, long to) {
        long start = from;
        long end = to;
        Map.Entry<Long, Long> before = ranges.floorEntry(from);
        if (before != null && before.getValue() >= from) {
            start = before.getKey();
            end = Math.max(end, before.getValue());
        }
        Map.Entry<Long, Long> next = ranges.ceilingEntry(start);
        while (next != null && next.getKey() <= end) {
            end = Math.max(end, next.getValue());
            ranges.remove(next.getKey());
            next = ranges.ceilingEntry(start);
        }
        ranges.put(start, end);
    }

    /** Visits the parts of a range that are not in the set, ascending. */
    void forMissing(long from, long to, Visitor visitor) {
        long at = from;
        Map.Entry<Long, Long> range = ranges.floorEntry(from);
        if (range == null || range.getValue() <= from) {
            range = ranges.higherEntry(from);
        }
        while (at < to) {
            if (range == null || range.getKey() >= to) {
                visitor.range(at, to);
                return;
            }
            if (range.getKey() > at) {
                visitor.range(at, range.getKey());
            }
            at = range.getValue();
            range = ranges.higherEntry(range.getKey());
        }
    }
}
