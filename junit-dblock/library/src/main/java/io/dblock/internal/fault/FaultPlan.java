// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.fault.Action;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.fault.Extents.Extent;
import io.dblock.power.Survivors;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/**
 * What is to become of a request, segment by segment. Made by the rules, one after the other, in the thread that brings
 * the request; then belongs to its {@link FaultRun}.
 */
final class FaultPlan {
    private final RequestInfo info;
    private final List<Segment> segments = new ArrayList<>();
    private final List<FaultState> acted = new ArrayList<>();
    private final List<Pause> pauses = new ArrayList<>();
    private final List<StaleContent> staleContents = new ArrayList<>();
    private Cut cut;
    private boolean budgeted;

    /** A part of the request that all of it has the same fate. Of a flush there is one, of length 0. */
    static final class Segment {
        long offset;
        long length;
        /** Whether later rules see it. */
        boolean open = true;
        /** What it is failed with; null if it is not. */
        Errno errno;
        /** Said to be done, and not done. */
        boolean lost;
        /** How far from its place it is read or written. */
        long shift;
        /** Where a read is to be answered from; null for the disk. */
        StaleContent stale;

        boolean fua;
        List<Corruption> corruptions = List.of();
        List<FaultState> budgets = List.of();

        long end() {
            return offset + length;
        }

        /** Whether something is to be done on the disk. */
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

    /** Wrong data to be made, the same whatever the cutting is: each sector has a stream of random numbers of its own. */
    record Corruption(Action action, long seed, long ordinal, long match) {}

    /** A rule that makes the request wait; {@code place} is the one in the distribution of its delays. */
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

    /** The rules that have acted, but for those that make it wait, cut the power, or find the disk full. */
    List<FaultState> acted() {
        return acted;
    }

    List<Pause> pauses() {
        return pauses;
    }

    Cut cut() {
        return cut;
    }

    /** Whether a full-disk rule is to be asked before it is done. */
    boolean budgeted() {
        return budgeted;
    }

    /** Whether any rule has something to do with it. */
    boolean touched() {
        return budgeted || cut != null || !acted.isEmpty() || !pauses.isEmpty();
    }

    /** The parts from {@code start} to {@code end} that are open and for which the test is true, ascending. */
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

    /** Whether it has no parts, as the module has it. */
    private boolean isWhole() {
        return info.operation() == Operation.FLUSH || info.operation().isZoned();
    }

    /** The segments that make up these parts, cut at their borders. */
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

    /** Keeps the content until the request has its answer. */
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

    /** Has these parts fail. */
    void fail(List<Extent> parts, Errno errno) {
        cutOut(parts).forEach(segment -> segment.errno = errno);
    }

    /** The request has its answer. */
    void done() {
        staleContents.forEach(StaleContent::release);
    }

    private static <T> List<T> plus(List<T> list, T more) {
        List<T> longer = new ArrayList<>(list);
        longer.add(more);
        return longer;
    }
}
