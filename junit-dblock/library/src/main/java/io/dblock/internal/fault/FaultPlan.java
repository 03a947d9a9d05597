// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.fault.Action;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.store.Extents.Extent;
import io.dblock.power.Survivors;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/**
 * What is to happen to a request, segment by segment. The rules make it, one after the other, in the thread that brings
 * the request. Then it belongs to its {@link FaultRun}.
 */
final class FaultPlan {
    private final RequestInfo info;
    private final List<Segment> segments = new ArrayList<>();
    private final List<FaultState> acted = new ArrayList<>();
    private final List<Pause> pauses = new ArrayList<>();
    private final List<StaleContent> staleContents = new ArrayList<>();
    private Cut cut;
    private boolean budgeted;

    /** A part of the request with a single fate. A flush has one segment, of length 0. */
    static final class Segment {
        long offset;
        long length;
        /** Whether later rules see it. */
        boolean open = true;
        /** The error it fails with; null if it does not fail. */
        Errno errno;
        /** Reported as done, but not done. */
        boolean lost;
        /** How far from its place it is read or written. */
        long shift;
        /** The content that answers a read; null for the disk. */
        StaleContent stale;

        boolean fua;
        List<Corruption> corruptions = List.of();
        List<FaultState> budgets = List.of();

        long end() {
            return offset + length;
        }

        /** Returns whether something is to be done on the disk. */
        boolean effective() {
            return errno == null && !lost;
        }

        private Segment cutOff(long at) {
            Segment rest = new Segment();
            rest.offset = at;
            rest.length = end() - at;
            rest.open = open;
            rest.errno = errno;
            rest.lost = lost;
            rest.shift = shift;
            rest.stale = stale;
            rest.fua = fua;
            rest.corruptions = corruptions;
            rest.budgets = budgets;
            length = at - offset;
            return rest;
        }
    }

    /**
     * A corruption of data. It does not depend on how requests are cut: each sector has its own stream of random
     * numbers.
     */
    record Corruption(Action action, long seed, long ordinal, long match) {}

    /** A rule that makes the request wait; {@code place} is the place in the distribution of its delays. */
    record Pause(FaultState state, Action action, double place, long bytes) {}

    /** A power cut to be made. */
    record Cut(FaultState state, Survivors survivors, boolean after) {}

    FaultPlan(RequestInfo info) {
        this.info = info;
        Segment all = new Segment();
        all.offset = info.offset();
        all.length = info.length();
        all.fua = info.has(RequestFlag.FUA);
        segments.add(all);
    }

    RequestInfo info() {
        return info;
    }

    List<Segment> segments() {
        return segments;
    }

    /**
     * Returns the rules that have acted, except those that make the request wait, cut the power, or find the disk full.
     */
    List<FaultState> acted() {
        return acted;
    }

    List<Pause> pauses() {
        return pauses;
    }

    Cut cut() {
        return cut;
    }

    /** Returns whether a full-disk rule must be asked before the request is done. */
    boolean budgeted() {
        return budgeted;
    }

    /** Returns whether any rule concerns the request. */
    boolean touched() {
        return budgeted || cut != null || !acted.isEmpty() || !pauses.isEmpty();
    }

    /** Returns the open parts from {@code start} to {@code end} for which the test is true, ascending. */
    List<Extent> parts(long start, long end, Predicate<Segment> test) {
        List<Extent> parts = new ArrayList<>();
        for (Segment segment : segments) {
            if (!segment.open || !test.test(segment)) {
                continue;
            }
            long from = Math.max(start, segment.offset);
            long to = Math.min(end, segment.end());
            if (isWhole()) {
                parts.add(new Extent(segment.offset, segment.end()));
            } else if (from < to) {
                parts.add(new Extent(from, to));
            }
        }
        return parts;
    }

    /** Returns whether the request has no parts, as in the module. */
    private boolean isWhole() {
        return info.operation() == Operation.FLUSH || info.operation().isZoned();
    }

    /** Returns the segments that make up these parts, cut at their borders. */
    List<Segment> cutOut(List<Extent> parts) {
        List<Segment> found = new ArrayList<>();
        if (isWhole()) {
            found.add(segments.get(0));
            return found;
        }
        int i = 0;
        for (Extent part : parts) {
            while (segments.get(i).end() <= part.start()) {
                i++;
            }
            if (segments.get(i).offset < part.start()) {
                segments.add(i + 1, segments.get(i).cutOff(part.start()));
                i++;
            }
            while (i < segments.size() && segments.get(i).end() <= part.end()) {
                found.add(segments.get(i++));
            }
            if (i < segments.size() && segments.get(i).offset < part.end()) {
                segments.add(i + 1, segments.get(i).cutOff(part.end()));
                found.add(segments.get(i++));
            }
        }
        return found;
    }

    void acts(FaultState state) {
        acted.add(state);
    }

    void pause(Pause pause) {
        pauses.add(pause);
    }

    void cut(Cut newCut) {
        cut = newCut;
    }

    /** Keeps the content until the request is answered. */
    void uses(StaleContent content) {
        content.retain();
        staleContents.add(content);
    }

    void budget(List<Segment> concerned, FaultState state) {
        budgeted = true;
        for (Segment segment : concerned) {
            segment.budgets = plus(segment.budgets, state);
        }
    }

    void corrupt(List<Segment> concerned, Corruption corruption) {
        for (Segment segment : concerned) {
            segment.corruptions = plus(segment.corruptions, corruption);
        }
    }

    /** Makes these parts fail. */
    void fail(List<Extent> parts, Errno errno) {
        cutOut(parts).forEach(segment -> segment.errno = errno);
    }

    /** Notes that the request is answered. */
    void done() {
        staleContents.forEach(StaleContent::release);
    }

    private static <T> List<T> plus(List<T> list, T more) {
        List<T> longer = new ArrayList<>(list);
        longer.add(more);
        return longer;
    }
}
