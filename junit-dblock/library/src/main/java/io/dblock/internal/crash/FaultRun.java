// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import io.dblock.BlockDevice;
import io.dblock.ByteSize;
import io.dblock.fault.Fault;
import io.dblock.fault.FaultBuilder;
import io.dblock.handler.Operation;
import io.dblock.handler.Place;
import io.dblock.internal.crash.CrashPoint.Lost;
import io.dblock.internal.crash.Replay.Unflushed;
import io.dblock.internal.device.CrashDevice;
import io.dblock.internal.server.ServedRecording;
import io.dblock.internal.store.RecordedRequests;
import io.dblock.journal.ContentHash;
import io.dblock.journal.JournalEntry;
import io.dblock.journal.MarkEntry;
import io.dblock.journal.RequestEntry;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** A run of a workload with a fault, and what was left on the disk. */
final class FaultRun implements AutoCloseable {
    /** How many entries of the journal are shown before the failed request, and after it. */
    private static final int AROUND = 10;

    private static final String END = "the workload has ended";

    private final StateDisk states;
    private final FaultPoint fault;
    private final ServedRecording recording;
    private final Throwable reported;
    private final List<Object> acknowledged;
    private final List<JournalEntry> entries;
    private final String rule;
    private final CrashLog log;
    private final Replay replay;
    private final RecordedContent content;
    private final int requestsAtEnd;

    /** What becomes of the disk. */
    enum End {
        LEFT("as the workload left it"),
        CUT("after a power cut when the workload had ended");

        final String text;

        End(String text) {
            this.text = text;
        }
    }

    private FaultRun(
            CrashDevice disk,
            StateDisk states,
            FaultPoint fault,
            ServedRecording recording,
            RecordedRequests recorded,
            int requestsAtEnd,
            Acknowledgements acknowledgements,
            Throwable reported,
            long mark,
            String rule) {
        this.states = states;
        this.fault = fault;
        this.recording = recording;
        this.requestsAtEnd = requestsAtEnd;
        this.reported = reported;
        this.rule = rule;
        acknowledged = acknowledgements.given();
        entries = disk.entriesAfter(mark);
        log = new CrashLog(recorded, ContentHash.of(new byte[recorded.logicalBlock()]), acknowledgements.positions());
        replay = new Replay(log);
        content = new RecordedContent(log, recording, states.device());
    }

    /**
     * Runs a workload and unmounts the disk.
     *
     * @param fault null for none
     */
    static FaultRun of(CrashDevice disk, StateDisk states, FaultPoint fault, Work work) {
        BlockDevice device = disk.device();
        ServedRecording recording = disk.record();
        boolean done = false;
        try {
            Acknowledgements acknowledgements = new Acknowledgements(recording, device.journal());
            Throwable reported = null;
            long mark = device.journal().mark(Acknowledgements.BEGIN);
            int requests;
            Fault rule = fault == null ? null : arm(device, fault);
            try {
                try {
                    work.run(acknowledgements);
                } catch (Exception | AssertionError e) {
                    reported = e;
                }
                acknowledgements.end();
                requests = recording.count();
                device.journal().mark(END);
                List<String> holders = disk.unmount();
                if (!holders.isEmpty()) {
                    IllegalStateException left =
                            new IllegalStateException("The workload has left the disk in use, so it cannot be put"
                                    + " back to its start" + (fault == null ? "" : " (" + fault + ")") + ":\n  "
                                    + String.join("\n  ", holders)
                                    + "\nClose in the workload what it opens, also when it fails.");
                    if (reported != null) {
                        left.addSuppressed(reported);
                    }
                    throw left;
                }
            } finally {
                if (rule != null) {
                    rule.close();
                }
            }
            RecordedRequests recorded = recording.end();
            Campaign.checkWhole(recorded);
            FaultRun run = new FaultRun(
                    disk,
                    states,
                    fault,
                    recording,
                    recorded,
                    requests,
                    acknowledgements,
                    reported,
                    mark,
                    rule == null ? "" : rule.name());
            done = true;
            return run;
        } finally {
            if (!done) {
                recording.close();
            }
        }
    }

    private static Fault arm(BlockDevice device, FaultPoint fault) {
        FaultBuilder rule = device.faults()
                .on(fault.operation())
                .after(fault.number() - 1)
                .lenient()
                .first();
        return (fault.forGood() ? rule : rule.times(1)).fail(fault.errno());
    }

    /** Returns what the workload has thrown; null if it ended normally. */
    Throwable reported() {
        return reported;
    }

    /** Returns whether the fault has acted while the workload ran. */
    boolean reached() {
        return failedRequest() >= 0;
    }

    /** Returns the index of the entry of the request that failed first; -1 if none did before the workload ended. */
    private int failedRequest() {
        for (int i = 0; i < endOfWorkload(); i++) {
            if (entries.get(i) instanceof RequestEntry request
                    && request.rules().contains(rule)) {
                return i;
            }
        }
        return -1;
    }

    private int endOfWorkload() {
        for (int i = entries.size() - 1; i >= 0; i--) {
            if (entries.get(i) instanceof MarkEntry mark && mark.text().equals(END)) {
                return i;
            }
        }
        throw new IllegalStateException("The workload makes more requests than the journal keeps, which is "
                + entries.size() + ". Make the device with more journalEntries(n).");
    }

    /** Returns how many requests of each kind the workload has made. */
    Map<Operation, Integer> requests() {
        Map<Operation, Integer> counts = new EnumMap<>(Operation.class);
        for (JournalEntry entry : entries.subList(0, endOfWorkload())) {
            if (entry instanceof RequestEntry request) {
                counts.merge(request.info().operation(), 1, Integer::sum);
            }
        }
        return counts;
    }

    private int[] content(End end) {
        return replay.content(point(end));
    }

    private CrashPoint point(End end) {
        int acknowledgements = acknowledged.size();
        if (end == End.LEFT) {
            return new CrashPoint(log.size(), acknowledgements, List.of());
        }
        List<Lost> all = replay.to(requestsAtEnd).unflushed().stream()
                .map(write -> Lost.whole(write.op().number()))
                .toList();
        return new CrashPoint(requestsAtEnd, acknowledgements, all);
    }

    /** Returns how many writes the disk has lost. */
    int lostWrites(End end) {
        return point(end).lost().size();
    }

    /** Returns what can have become of the disk; each content once. */
    List<End> ends() {
        boolean same = replay.hash(content(End.LEFT)) == replay.hash(content(End.CUT));
        return same ? List.of(End.LEFT) : List.of(End.values());
    }

    /** Makes the other device show the disk. */
    void show(End end) {
        content.show(content(end));
    }

    /** Checks the disk; returns why the check fails, or null. */
    Throwable failureOf(End end) {
        show(end);
        return states.check(
                new ShownState(states.device(), acknowledged, id(), describe() + ", " + end.text, reported));
    }

    String id() {
        return fault == null ? "none" : fault.id();
    }

    private String describe() {
        return fault == null ? "without a fault" : fault.toString();
    }

    /** Returns why the check fails, in words. */
    String explain(End end, Throwable failure) {
        return (fault == null ? "It fails without a fault, " : "A fault breaks it: " + fault + "; the disk is ")
                + end.text + "\n\n"
                + Explanation.cause(failure) + "\n\n"
                + (fault == null ? "" : failed() + "\n\n")
                + "The workload " + (reported == null ? "has reported nothing" : "has thrown: " + reported) + "\n"
                + "It has acknowledged: " + acknowledged + "\n\n"
                + (end == End.LEFT
                        ? ""
                        : "What the cut loses:\n"
                                + writes(replay.to(requestsAtEnd).unflushed()) + "\n\n")
                + "What happened:\n" + timeline()
                + (fault == null ? "" : "\n\nThis fault alone: -Ddblock.fault=" + id());
    }

    private String failed() {
        RequestEntry request = (RequestEntry) entries.get(failedRequest());
        if (!request.is(Operation.FLUSH)) {
            return "The request that failed: " + text(request);
        }
        int before = 0;
        for (CrashLog.Op op : log.ops()) {
            if (!op.isFlush() && op.sequence() < request.sequence()) {
                before = op.number() + 1;
            }
        }
        return "The request that failed: " + text(request) + ", of\n"
                + writes(replay.to(before).unflushed());
    }

    private static String text(RequestEntry request) {
        String places = request.places().isEmpty() ? "" : "  " + Place.list(request.places());
        return "#" + request.sequence() + " " + request.info().operation()
                + (request.is(Operation.FLUSH)
                        ? ""
                        : " " + ByteSize.format(request.info().length()) + " at byte "
                                + request.info().offset())
                + places;
    }

    private String writes(List<Unflushed> writes) {
        List<String> lines = new ArrayList<>();
        for (Unflushed write : writes) {
            entries.stream()
                    .filter(entry -> entry.sequence() == write.op().sequence())
                    .forEach(entry -> lines.add("  " + text((RequestEntry) entry)));
        }
        return lines.isEmpty() ? "  nothing that the disk had got" : limited(lines);
    }

    private static String limited(List<String> lines) {
        return lines.stream().limit(2 * AROUND).collect(Collectors.joining("\n"))
                + (lines.size() > 2 * AROUND ? "\n  and " + (lines.size() - 2 * AROUND) + " more" : "");
    }

    private String timeline() {
        int middle = fault == null ? endOfWorkload() : failedRequest();
        List<JournalEntry> around =
                entries.subList(Math.max(0, middle - AROUND), Math.min(entries.size(), middle + AROUND + 1));
        return around.stream()
                .map(entry -> "  "
                        + (entry instanceof RequestEntry request
                                ? text(request) + (request.failures().isEmpty() ? "" : "   <- " + request.result())
                                : entry instanceof MarkEntry mark ? "-- " + mark.text() : entry.toString()))
                .collect(Collectors.joining("\n"));
    }

    @Override
    public void close() {
        recording.close();
    }
}
