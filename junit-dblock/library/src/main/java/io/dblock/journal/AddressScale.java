// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Places bytes of a device on a vertical axis. Large ranges that no request touched are left out, so that a few blocks
 * of a large device can be told apart.
 */
final class AddressScale {
    private static final int MAX_GAPS = 9;
    /** A gap is left out if it is larger than this share of everything touched. */
    private static final double GAP_SHARE = 0.1;

    private static final double GAP_HEIGHT = 14;
    private static final double MIN_HEIGHT = 16;

    private final List<Segment> segments = new ArrayList<>();

    /** Bytes {@code first} to before {@code end}, drawn between {@code bottom} and {@code top}; y grows downward. */
    record Segment(long first, long end, double bottom, double top) {}

    private record Range(long first, long end) {
        long length() {
            return end - first;
        }
    }

    /** Creates a scale between two heights for these ranges, each an offset and a length in bytes. */
    AddressScale(List<long[]> touched, double bottom, double top) {
        List<Range> ranges = split(merge(touched));
        double room = bottom - top - GAP_HEIGHT * (ranges.size() - 1);
        double[] heights = heights(ranges, room);
        double y = bottom;
        for (int i = 0; i < ranges.size(); i++) {
            segments.add(new Segment(ranges.get(i).first(), ranges.get(i).end(), y, y - heights[i]));
            y -= heights[i] + GAP_HEIGHT;
        }
    }

    private static List<Range> merge(List<long[]> touched) {
        List<long[]> sorted = new ArrayList<>(touched);
        sorted.sort(Comparator.comparingLong(range -> range[0]));
        List<Range> merged = new ArrayList<>();
        for (long[] range : sorted) {
            long end = range[0] + range[1];
            Range last = merged.isEmpty() ? null : merged.get(merged.size() - 1);
            if (last != null && range[0] <= last.end()) {
                merged.set(merged.size() - 1, new Range(last.first(), Math.max(last.end(), end)));
            } else {
                merged.add(new Range(range[0], end));
            }
        }
        if (merged.isEmpty()) {
            merged.add(new Range(0, 4096));
        }
        return merged;
    }

    /** Joins ranges that lie close together. */
    private static List<Range> split(List<Range> merged) {
        long touched = merged.stream().mapToLong(Range::length).sum();
        List<Integer> gaps = new ArrayList<>();
        for (int i = 1; i < merged.size(); i++) {
            if (gap(merged, i) > touched * GAP_SHARE) {
                gaps.add(i);
            }
        }
        gaps.sort(Comparator.comparingLong((Integer i) -> gap(merged, i)).reversed());
        Set<Integer> kept = new HashSet<>(gaps.subList(0, Math.min(MAX_GAPS, gaps.size())));
        List<Range> joined = new ArrayList<>();
        for (int i = 0; i < merged.size(); i++) {
            if (i == 0 || kept.contains(i)) {
                joined.add(merged.get(i));
            } else {
                int last = joined.size() - 1;
                joined.set(
                        last, new Range(joined.get(last).first(), merged.get(i).end()));
            }
        }
        return joined;
    }

    private static long gap(List<Range> ranges, int i) {
        return ranges.get(i).first() - ranges.get(i - 1).end();
    }

    /** Returns heights in proportion to the lengths, but none too small to be seen. */
    private static double[] heights(List<Range> ranges, double room) {
        double[] heights = new double[ranges.size()];
        long length = ranges.stream().mapToLong(Range::length).sum();
        double free = room - MIN_HEIGHT * ranges.size();
        for (int i = 0; i < heights.length; i++) {
            heights[i] = MIN_HEIGHT + free * ranges.get(i).length() / length;
        }
        return heights;
    }

    List<Segment> segments() {
        return segments;
    }

    /** Returns the height of this byte. A byte in a gap has the height of the edge next to it. */
    double y(long offset) {
        for (Segment segment : segments) {
            if (offset <= segment.end()) {
                double share = Math.max(0, offset - segment.first()) / (double) (segment.end() - segment.first());
                return segment.bottom() - share * (segment.bottom() - segment.top());
            }
        }
        return segments.get(segments.size() - 1).top();
    }
}
