// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A set of byte positions, kept as ranges that neither overlap nor touch. Not thread-safe. */
public final class Extents {
    private final TreeMap<Long, Long> endByStart = new TreeMap<>();

    /** A range from {@code start} on, up to and without {@code end}. */
    public record Extent(long start, long end) {
        public long length() {
            return end - start;
        }
    }

    /** Adds a range; how much of it was not in yet. */
    public long add(long start, long end) {
        if (start >= end) {
            return 0;
        }
        long added = end - start;
        long from = start;
        long to = end;
        Map.Entry<Long, Long> near = endByStart.floorEntry(end);
        while (near != null && near.getValue() >= start) {
            added -= Math.max(0, Math.min(end, near.getValue()) - Math.max(start, near.getKey()));
            from = Math.min(from, near.getKey());
            to = Math.max(to, near.getValue());
            endByStart.remove(near.getKey());
            near = endByStart.floorEntry(end);
        }
        endByStart.put(from, to);
        return added;
    }

    /** Removes a range; how much of it was in. */
    public long remove(long start, long end) {
        long removed = 0;
        for (Extent extent : overlapping(start, end)) {
            endByStart.remove(extent.start());
            if (extent.start() < start) {
                endByStart.put(extent.start(), start);
            }
            if (extent.end() > end) {
                endByStart.put(end, extent.end());
            }
            removed += Math.min(end, extent.end()) - Math.max(start, extent.start());
        }
        return removed;
    }

    /** What of the range is not in, ascending. */
    public List<Extent> missing(long start, long end) {
        List<Extent> missing = new ArrayList<>();
        long position = start;
        for (Extent extent : overlapping(start, end)) {
            if (extent.start() > position) {
                missing.add(new Extent(position, extent.start()));
            }
            position = extent.end();
        }
        if (position < end) {
            missing.add(new Extent(position, end));
        }
        return missing;
    }

    /** What of the range is in, ascending. */
    public List<Extent> present(long start, long end) {
        return overlapping(start, end).stream()
                .map(extent -> new Extent(Math.max(start, extent.start()), Math.min(end, extent.end())))
                .toList();
    }

    private List<Extent> overlapping(long start, long end) {
        List<Extent> found = new ArrayList<>();
        if (start >= end) {
            return found;
        }
        Map.Entry<Long, Long> before = endByStart.lowerEntry(start);
        if (before != null && before.getValue() > start) {
            found.add(new Extent(before.getKey(), before.getValue()));
        }
        endByStart.subMap(start, true, end, false).forEach((s, e) -> found.add(new Extent(s, e)));
        return found;
    }
}
