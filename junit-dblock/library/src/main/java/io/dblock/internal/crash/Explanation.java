// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import io.dblock.ByteSize;
import io.dblock.handler.Place;
import io.dblock.internal.crash.CrashLog.Op;
import io.dblock.internal.crash.Replay.Unflushed;
import io.dblock.journal.RequestEntry;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;

/** Says in words why a state failed. */
final class Explanation {
    /** How many lines of a list are shown. */
    private static final int MOST_LINES = 24;

    private static final int CAUSE_LINES = 12;

    private final Campaign campaign;
    private final CrashLog log;
    private final CrashPoint point;
    private final List<Unflushed> pending;
    private final Map<Integer, BitSet> lost;

    Explanation(Campaign campaign, CrashPoint point) {
        this.campaign = campaign;
        this.point = point;
        log = campaign.log();
        pending = List.copyOf(campaign.replayTo(point).unflushed());
        lost = point.blocksLost(pending);
    }

    /** Returns what failed, in at most some lines. */
    static String cause(Throwable failure) {
        String text = failure instanceof AssertionError && failure.getMessage() != null
                ? failure.getMessage().strip()
                : failure.toString();
        List<String> lines = text.lines().toList();
        return indent(lines.subList(0, Math.min(lines.size(), CAUSE_LINES)))
                + (lines.size() > CAUSE_LINES ? "\n  ..." : "");
    }

    private static String indent(List<String> lines) {
        return "  " + String.join("\n  ", lines);
    }

    /** Returns which writes were lost, and why nothing kept them. */
    String losses() {
        List<String> lines = new ArrayList<>();
        for (Unflushed write : pending) {
            BitSet blocks = lost.get(write.op().number());
            if (blocks == null) {
                continue;
            }
            String torn = blocks.equals(write.blocks())
                    ? ""
                    : ", of its " + write.op().blocks() + " pieces of " + ByteSize.format(log.blockSize())
                            + " only number " + ranges(blocks);
            lines.add(name(write.op()) + torn);
            lines.add("  " + flushOf(write.op()));
        }
        return lines.isEmpty()
                ? "  nothing that it had got. What is missing had not been written to it yet, or what had been is not enough"
                : limited(lines);
    }

    private static String limited(List<String> lines) {
        return indent(lines.subList(0, Math.min(lines.size(), MOST_LINES)))
                + (lines.size() > MOST_LINES ? "\n  and " + (lines.size() - MOST_LINES) + " lines more" : "");
    }

    private static String ranges(BitSet blocks) {
        StringBuilder text = new StringBuilder();
        for (int from = blocks.nextSetBit(0); from >= 0; ) {
            int end = blocks.nextClearBit(from);
            text.append(text.isEmpty() ? "" : ", ").append(from);
            if (end > from + 1) {
                text.append('-').append(end - 1);
            }
            from = blocks.nextSetBit(end);
        }
        return text.toString();
    }

    private String name(Op op) {
        if (op.isFlush()) {
            return "#" + op.sequence() + " FLUSH";
        }
        RequestEntry entry = campaign.entry(op.sequence());
        String places = entry == null || entry.places().isEmpty() ? "" : "  " + Place.list(entry.places());
        return "#" + op.sequence() + " " + op.kind() + " " + ByteSize.format(op.length()) + " at byte " + op.offset()
                + (op.durable() ? " FUA" : "") + places;
    }

    /** Says which flush covers a write, and which acknowledgements came before. */
    private String flushOf(Op write) {
        int flush = -1;
        for (Op later : log.ops().subList(write.number() + 1, log.size())) {
            if (later.isFlush() && write.completion() > 0 && write.completion() <= later.completion()) {
                flush = later.number();
                break;
            }
        }
        int first = log.acknowledgedBy(write.number());
        int last = flush < 0 ? log.acknowledgements() : log.acknowledgedBy(flush);
        String too = flush < 0
                ? "no flush covers it until the end"
                : "the flush that covers it is " + (flush - write.number()) + " requests later";
        if (first >= last) {
            return too;
        }
        List<Object> broken = campaign.acknowledged(point.at(log.size(), last)).subList(first, last);
        return too + ", after the acknowledgement of " + broken.get(0)
                + (broken.size() > 1 ? " and " + (broken.size() - 1) + " more" : "");
    }

    /** Returns what happened around the loss. */
    String timeline() {
        int from = lost.keySet().stream().mapToInt(i -> i).min().orElse(point.requests());
        from = Math.max(0, Math.min(from, point.requests() - 1) - 4);
        int end = Math.min(log.size(), point.requests() + 4);
        List<String> before = new ArrayList<>();
        acknowledgements(before, from == 0 ? 0 : log.acknowledgedBy(from - 1), log.acknowledgedBy(from));
        int given = log.acknowledgedBy(from);
        if (from >= point.requests()) {
            given = Math.min(given, point.acknowledged());
            before.clear();
        }
        for (int i = from; i < point.requests(); i++) {
            Op op = log.op(i);
            before.add(name(op) + (lost.containsKey(i) ? "   <- lost" : ""));
            int by = Math.min(log.acknowledgedBy(i + 1), point.acknowledged());
            acknowledgements(before, given, by);
            given = Math.max(given, by);
        }
        List<String> lines = new ArrayList<>();
        if (before.size() > MOST_LINES) {
            lines.addAll(before.subList(0, MOST_LINES / 2));
            lines.add("... " + (before.size() - MOST_LINES) + " lines ...");
            lines.addAll(before.subList(before.size() - MOST_LINES / 2, before.size()));
        } else {
            lines.addAll(before);
        }
        lines.add("======== the power is cut ========");
        acknowledgements(lines, given, log.acknowledgedBy(point.requests()));
        given = Math.max(given, log.acknowledgedBy(point.requests()));
        for (int i = point.requests(); i < end; i++) {
            lines.add(name(log.op(i)));
            acknowledgements(lines, given, log.acknowledgedBy(i + 1));
            given = Math.max(given, log.acknowledgedBy(i + 1));
        }
        return indent(lines);
    }

    private void acknowledgements(List<String> lines, int from, int to) {
        for (int i = from; i < to; i++) {
            lines.add("-- acknowledged "
                    + campaign.acknowledged(point.at(log.size(), to)).get(i));
        }
    }
}
