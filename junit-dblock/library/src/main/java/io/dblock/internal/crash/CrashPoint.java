// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import io.dblock.internal.crash.Replay.Unflushed;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A state that a cut can leave: when it comes, and which of the unflushed writes it loses. The {@linkplain #id id} has all
 * of it.
 *
 * @param requests how many requests have been recorded when the power is cut
 * @param acknowledged how many acknowledgements have been given
 * @param lost what is lost of unflushed writes, ascending; the rest survives
 */
record CrashPoint(int requests, int acknowledged, List<Lost> lost) {
    private static final Pattern ID = Pattern.compile("(\\d+)\\.(\\d+):(all|(?:[\\d/,-]+)?)(?:~[0-9a-f]{4})?");
    private static final Pattern PART = Pattern.compile("(\\d+)(?:/(\\d+)(?:-(\\d+))?)?");
    private static final int WHOLE = Integer.MAX_VALUE;

    /**
     * Blocks of a write that are lost.
     *
     * @param op the number of the write
     * @param from the first block that is lost, counted from the first of the write
     * @param end the block after the last one that is lost; a large number if that is the last one
     */
    record Lost(int op, int from, int end) {
        static Lost whole(int op) {
            return new Lost(op, 0, WHOLE);
        }

        boolean isWhole() {
            return from == 0 && end == WHOLE;
        }
    }

    CrashPoint {
        lost = List.copyOf(lost);
    }

    /** Returns what is lost in each write, given by its number: whole, or the blocks that are. */
    static List<Lost> lostOf(List<Unflushed> pending, Map<Integer, BitSet> blocks) {
        List<Lost> lost = new ArrayList<>();
        for (Unflushed write : pending) {
            int op = write.op().number();
            BitSet gone = blocks.get(op);
            if (gone == null || gone.isEmpty()) {
                continue;
            }
            if (gone.equals(write.blocks())) {
                lost.add(Lost.whole(op));
                continue;
            }
            for (int from = gone.nextSetBit(0); from >= 0; ) {
                int end = gone.nextClearBit(from);
                lost.add(new Lost(op, from, end));
                from = gone.nextSetBit(end);
            }
        }
        return lost;
    }

    /** Returns the blocks that are lost of each write, of those that can be. */
    Map<Integer, BitSet> blocksLost(List<Unflushed> pending) {
        Map<Integer, BitSet> blocks = new TreeMap<>();
        for (Unflushed write : pending) {
            for (Lost one : lost) {
                if (one.op() == write.op().number()) {
                    BitSet gone = new BitSet();
                    gone.set(
                            one.from(),
                            Math.max(one.from(), Math.min(one.end(), write.op().blocks())));
                    gone.and(write.blocks());
                    if (!gone.isEmpty()) {
                        blocks.computeIfAbsent(one.op(), none -> new BitSet()).or(gone);
                    }
                }
            }
        }
        return blocks;
    }

    /** Returns this point at another moment. */
    CrashPoint at(int otherRequests, int otherAcknowledged) {
        return new CrashPoint(otherRequests, otherAcknowledged, lost);
    }

    /**
     * Returns the id: the number of requests, of acknowledgements, and the writes that are lost, such as
     * {@code 128.7:120,125/0-3}, of which the last one is torn. {@code pending} is what could be lost.
     */
    String id(List<Unflushed> pending) {
        StringBuilder text = new StringBuilder(requests + "." + acknowledged + ":");
        if (!lost.isEmpty()
                && lost.equals(
                        pending.stream().map(w -> Lost.whole(w.op().number())).toList())) {
            return text.append("all").toString();
        }
        String between = "";
        for (Lost one : lost) {
            text.append(between).append(one.op());
            if (!one.isWhole()) {
                text.append('/').append(one.from());
                if (one.end() > one.from() + 1) {
                    text.append('-').append(one.end() - 1);
                }
            }
            between = ",";
        }
        return text.toString();
    }

    /**
     * Returns the point with this id.
     *
     * @throws IllegalArgumentException if it is not an id, or names what the log does not have
     */
    static CrashPoint parse(String id, Replay replay) {
        Matcher matcher = ID.matcher(id.strip());
        if (!matcher.matches()) {
            throw new IllegalArgumentException("The state is \"" + id
                    + "\". Allowed: what a failed crash test has named, such as 128.7:120,125/0-3.");
        }
        CrashLog log = replay.log();
        long requests = Long.parseLong(matcher.group(1));
        long acknowledged = Long.parseLong(matcher.group(2));
        if (requests > log.size() || acknowledged > log.acknowledgements()) {
            throw new IllegalArgumentException("The state " + id + " is after " + requests + " requests and "
                    + acknowledged + " acknowledgements, but this time the workload had " + log.size() + " and "
                    + log.acknowledgements() + ". It has to do the same each time.");
        }
        List<Lost> lost = new ArrayList<>();
        List<Unflushed> pending = replay.to((int) requests).unflushed();
        if (matcher.group(3).equals("all")) {
            pending.forEach(write -> lost.add(Lost.whole(write.op().number())));
        } else if (!matcher.group(3).isEmpty()) {
            for (String part : matcher.group(3).split(",", -1)) {
                lost.add(part(id, part, pending));
            }
        }
        return new CrashPoint((int) requests, (int) acknowledged, lost);
    }

    private static Lost part(String id, String part, List<Unflushed> pending) {
        Matcher matcher = PART.matcher(part);
        if (!matcher.matches()) {
            throw new IllegalArgumentException("The state " + id + " has \"" + part
                    + "\". Allowed: the number of a write, and what is lost of it: 125, 125/2, or 125/0-3.");
        }
        int op = Integer.parseInt(matcher.group(1));
        if (pending.stream().noneMatch(write -> write.op().number() == op)) {
            throw new IllegalArgumentException("The state " + id + " loses the write " + op
                    + ", which this time is not among what could be lost: "
                    + pending.stream().map(write -> write.op().number()).toList()
                    + ". The workload has to do the same each time.");
        }
        if (matcher.group(2) == null) {
            return Lost.whole(op);
        }
        int from = Integer.parseInt(matcher.group(2));
        return new Lost(op, from, matcher.group(3) == null ? from + 1 : Integer.parseInt(matcher.group(3)) + 1);
    }
}
