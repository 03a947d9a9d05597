// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import io.dblock.internal.crash.CrashPoint.Lost;
import io.dblock.internal.crash.Replay.Unflushed;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/**
 * Makes a failing state simpler, as long as it still fails: fewer writes are lost, then fewer blocks of them, then the cut
 * comes earlier. Each step is checked.
 */
final class Shrinker {
    private final Replay replay;
    private final Predicate<CrashPoint> fails;
    private final BooleanSupplier timeLeft;
    private int steps;

    Shrinker(CrashLog log, Predicate<CrashPoint> fails, BooleanSupplier timeLeft) {
        replay = new Replay(log);
        this.fails = fails;
        this.timeLeft = timeLeft;
    }

    /** Returns how many states were checked. */
    int steps() {
        return steps;
    }

    private boolean stillFails(CrashPoint point) {
        if (!timeLeft.getAsBoolean()) {
            return false;
        }
        steps++;
        return fails.test(point);
    }

    /** Returns the simplest point that is found, which fails like this one. */
    CrashPoint shrink(CrashPoint failing) {
        if (replay.log().keepsOrder()) {
            return fewerOfTheLast(failing);
        }
        CrashPoint best = fewer(failing);
        CrashPoint earlier = earlier(best);
        return earlier.equals(best) ? best : fewer(earlier);
    }

    private CrashPoint fewerOfTheLast(CrashPoint failing) {
        List<Lost> lost = failing.lost();
        for (int kept = lost.size(); kept > 0; kept--) {
            CrashPoint candidate =
                    new CrashPoint(failing.requests(), failing.acknowledged(), lost.subList(kept, lost.size()));
            if (stillFails(candidate)) {
                return candidate;
            }
        }
        return failing;
    }

    private CrashPoint fewer(CrashPoint failing) {
        List<Unflushed> pending = List.copyOf(replay.to(failing.requests()).unflushed());
        Map<Integer, BitSet> lost = failing.blocksLost(pending);
        // What is lost of an older version of a block that is lost anyway makes no difference, and is tried like the
        // rest.
        List<int[]> units = new ArrayList<>();
        lost.forEach((op, blocks) -> units.add(new int[] {op, -1}));
        List<int[]> left = smallest(failing, pending, lost, units);
        Map<Integer, BitSet> writes = blocks(lost, left);
        List<int[]> single = new ArrayList<>();
        writes.forEach((op, blocks) -> blocks.stream().forEach(block -> single.add(new int[] {op, block})));
        if (single.size() == left.size()) {
            return point(failing, pending, writes);
        }
        return point(failing, pending, blocks(writes, smallest(failing, pending, writes, single)));
    }

    /** Takes away halves, quarters and so on, and at last single ones, as long as the rest fails. */
    private List<int[]> smallest(
            CrashPoint failing, List<Unflushed> pending, Map<Integer, BitSet> lost, List<int[]> units) {
        List<int[]> now = units;
        int size = Math.max(1, now.size() / 2);
        while (true) {
            boolean less = false;
            for (int from = 0; from < now.size(); ) {
                List<int[]> rest = new ArrayList<>(now.subList(0, from));
                rest.addAll(now.subList(Math.min(from + size, now.size()), now.size()));
                if (stillFails(point(failing, pending, blocks(lost, rest)))) {
                    now = rest;
                    less = true;
                } else {
                    from += size;
                }
            }
            if (size == 1 && !less) {
                return now;
            }
            size = Math.max(1, size / 2);
        }
    }

    private static Map<Integer, BitSet> blocks(Map<Integer, BitSet> lost, List<int[]> units) {
        Map<Integer, BitSet> blocks = new TreeMap<>();
        for (int[] unit : units) {
            BitSet of = blocks.computeIfAbsent(unit[0], none -> new BitSet());
            if (unit[1] < 0) {
                of.or(lost.get(unit[0]));
            } else {
                of.set(unit[1]);
            }
        }
        return blocks;
    }

    private static CrashPoint point(CrashPoint like, List<Unflushed> pending, Map<Integer, BitSet> lost) {
        return new CrashPoint(like.requests(), like.acknowledged(), CrashPoint.lostOf(pending, lost));
    }

    private CrashPoint earlier(CrashPoint failing) {
        CrashLog log = replay.log();
        int last = failing.lost().stream().mapToInt(Lost::op).max().orElse(-1);
        for (int requests = last + 1; requests <= failing.requests(); requests++) {
            int before = requests == 0 ? 0 : log.acknowledgedBy(requests - 1);
            int after = log.acknowledgedBy(requests);
            for (int acknowledged : before == after ? new int[] {before} : new int[] {before, after}) {
                CrashPoint candidate = failing.at(requests, acknowledged);
                if (candidate.equals(failing)) {
                    return failing;
                }
                if (stillFails(candidate)) {
                    return candidate;
                }
            }
        }
        return failing;
    }
}
