// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import io.dblock.BlockDevice;
import io.dblock.Snapshot;
import io.dblock.internal.crash.CrashStates.Settings;
import io.dblock.internal.device.CrashDevice;
import io.dblock.internal.server.Reads;
import io.dblock.internal.server.ServedRecording;
import io.dblock.internal.store.RecordedRequests;
import io.dblock.journal.ContentHash;
import io.dblock.journal.JournalEntry;
import io.dblock.journal.MarkEntry;
import io.dblock.journal.RequestEntry;
import java.io.IOException;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A recording of what was done to a disk, and the checks of the states that a power cut during that could have left: of a
 * workload, or of what mounting and checking one of those states wrote. The states are shown on one other device, one
 * after the other. One thread at a time uses this.
 */
final class Campaign implements AutoCloseable {
    private final BlockDevice disk;
    private final StateDisk states;
    private final CrashSettings settings;
    private final ServedRecording recording;
    private final List<Object> acknowledged;
    private final CrashLog log;
    private final Map<Long, RequestEntry> journal = new HashMap<>();
    private final Replay replay;
    private final RecordedContent content;
    /** The campaign of whose state this is the recovery, and that state; null if this is the workload. */
    private final Campaign before;

    private final CrashPoint from;

    private final Map<CrashStates.Key, Throwable> verdicts = new HashMap<>();
    /** What is known of states by what was read; null if that is of no interest. */
    private final PassedReads passed;

    /** What is added to the hash of a state, so that the same content has the same in all campaigns of a disk. */
    private final long identity;

    private Campaign(
            BlockDevice disk,
            StateDisk states,
            CrashSettings settings,
            ServedRecording recording,
            CrashLog log,
            List<Object> acknowledged,
            List<RequestEntry> entries,
            Campaign before,
            CrashPoint from) {
        this.disk = disk;
        this.states = states;
        this.settings = settings;
        this.recording = recording;
        this.log = log;
        this.acknowledged = acknowledged;
        this.before = before;
        this.from = from;
        entries.forEach(request -> journal.put(request.sequence(), request));
        replay = new Replay(log);
        content = new RecordedContent(log, recording, states.device());
        passed = settings.prunes() ? new PassedReads(log) : null;
        // Hashes can be compared only if they are of blocks of the same size.
        long start = before == null || log.blockSize() != before.log.blockSize()
                ? log.blockSize()
                : before.identity(before.replay.hash(before.replay.content(from)));
        identity = start ^ replay.to(0).durableHash();
    }

    /** Returns what a filesystem relies on to be written at once, in bytes; at least a logical block. */
    private static int atomicFor(BlockDevice disk) {
        int filesystem =
                switch (disk.spec().filesystem()) {
                    case EXT4 ->
                        1024; // The superblock, and that of the journal: they have a checksum, and no copy is used.
                    case BTRFS -> 4096;
                    default -> 0;
                };
        return Math.max(disk.logicalBlockSize(), filesystem);
    }

    /**
     * Runs a workload once and records it.
     *
     * @throws AssertionError if the workload fails
     */
    static Campaign record(BlockDevice disk, CrashSettings settings, Work work, Check check) {
        CrashDevice original = CrashDevice.of(disk);
        ServedRecording recording = original.record();
        boolean done = false;
        try {
            Acknowledgements acknowledgements = new Acknowledgements(recording, disk.journal());
            disk.journal().mark(Acknowledgements.BEGIN);
            try {
                work.run(acknowledgements);
            } catch (Exception e) {
                throw new AssertionError("The workload of the crash test failed: " + e, e);
            }
            acknowledgements.end();
            RecordedRequests recorded = recording.end();
            checkWhole(recorded);
            CrashLog log = log(
                    recorded,
                    settings.atomic() == 0 ? atomicFor(disk) : settings.atomic(),
                    settings,
                    acknowledgements.positions());
            List<RequestEntry> entries = disk.journal().requests();
            Campaign campaign = new Campaign(
                    disk,
                    new StateDisk(original.another(), check),
                    settings,
                    recording,
                    log,
                    acknowledgements.given(),
                    entries,
                    null,
                    null);
            done = true;
            return campaign;
        } finally {
            if (!done) {
                recording.close();
            }
        }
    }

    private static CrashLog log(RecordedRequests recorded, int atomic, CrashSettings settings, int... acknowledged) {
        return new CrashLog(
                settings.ignoresFlushes() ? recorded.withNothingDurable() : recorded,
                atomic,
                settings.keepsOrder(),
                ContentHash.of(new byte[recorded.logicalBlock()]),
                acknowledged);
    }

    /** Throws if a recording cannot be used. */
    static void checkWhole(RecordedRequests recorded) {
        if (!recorded.broken().isEmpty()) {
            throw new IllegalStateException("The workload of the crash test cannot be used, because "
                    + recorded.broken() + " while it ran. Allowed: reads, writes, flushes, discards.");
        }
    }

    CrashLog log() {
        return log;
    }

    BlockDevice disk() {
        return disk;
    }

    /** Returns the campaign of whose state this is the recovery; null if this is the workload. */
    Campaign before() {
        return before;
    }

    /** Returns the state of which this is the recovery; null if this is the workload. */
    CrashPoint from() {
        return from;
    }

    /** Returns the states to check. */
    CrashStates states() {
        return new CrashStates(log, new Settings(settings.seed(), settings.every(), settings.samples()));
    }

    /** Returns a hash that is the same for the same content in all campaigns of a disk. */
    long identity(long hash) {
        return hash ^ identity;
    }

    /** Returns the journal's entry of a request; null if it has none any longer. */
    RequestEntry entry(long sequence) {
        return journal.get(sequence);
    }

    /** Returns what was acknowledged at this point. */
    List<Object> acknowledged(CrashPoint point) {
        return before == null ? acknowledged.subList(0, point.acknowledged()) : acknowledged;
    }

    String id(CrashPoint point) {
        return (before == null ? "" : before.id(from) + "+")
                + point.id(replay.to(point.requests()).unflushed()) + "~" + log.fingerprint(point.requests());
    }

    CrashPoint parse(String id) {
        return CrashPoint.parse(id, replay);
    }

    /** Returns a state as text, such as "after 128 requests, 7 acknowledged, 1 of 5 unflushed writes lost". */
    String describe(CrashPoint point) {
        List<Replay.Unflushed> pending = replay.to(point.requests()).unflushed();
        Map<Integer, BitSet> lost = point.blocksLost(pending);
        long torn = pending.stream()
                .filter(write -> lost.containsKey(write.op().number())
                        && !lost.get(write.op().number()).equals(write.blocks()))
                .count();
        return (before == null
                        ? "after " + point.requests() + " requests, " + point.acknowledged() + " acknowledged, "
                        : before.describe(from) + "; and while that recovered, after " + point.requests()
                                + " requests, ")
                + (lost.isEmpty() ? "none" : String.valueOf(lost.size() - torn)) + " of " + pending.size()
                + " unflushed writes lost" + (torn == 0 ? "" : ", " + torn + " torn");
    }

    /** Returns why a state fails its check; null if it does not. The same content is checked once. */
    Throwable verdict(CrashPoint point) {
        int[] now = replay.content(point);
        CrashStates.Key key = new CrashStates.Key(replay.hash(now), point.acknowledged());
        if (!verdicts.containsKey(key)) {
            verdicts.put(key, isKnownToPass(point, now) ? null : check(point, now));
        }
        return verdicts.get(key);
    }

    /** Returns whether a state passes because it only differs from one that did in blocks that were not read. */
    boolean isKnownToPass(CrashPoint point) {
        return passed != null && isKnownToPass(point, replay.content(point));
    }

    private boolean isKnownToPass(CrashPoint point, int[] now) {
        return passed != null && passed.passes(now, point.acknowledged());
    }

    /** Shows a state and checks it; returns why it fails, or null. */
    Throwable checkNow(CrashPoint point) {
        int[] now = replay.content(point);
        Throwable failure = check(point, now);
        verdicts.put(new CrashStates.Key(replay.hash(now), point.acknowledged()), failure);
        return failure;
    }

    private Throwable check(CrashPoint point, int[] now) {
        content.show(now);
        Throwable failure = states.check(shown(point));
        if (passed != null) {
            noteReads(failure, point, now);
        }
        return failure;
    }

    private void noteReads(Throwable failure, CrashPoint point, int[] now) {
        Optional<Reads> reads = states.reads();
        if (failure == null && reads.isPresent()) {
            BitSet read = new BitSet();
            reads.get().forEach((offset, length) -> read.or(log.blocksIn(offset, length)));
            passed.add(read, now, point.acknowledged());
        }
    }

    private ShownState shown(CrashPoint point) {
        return new ShownState(states.device(), acknowledged(point), id(point), describe(point), null);
    }

    /**
     * The check of a state that was recorded.
     *
     * @param failure why it fails; null if it does not
     * @param writes what mounting and the check wrote; empty if that is nothing, or it fails
     */
    record Recovered(Throwable failure, Optional<Campaign> writes) {}

    /** Checks a state, and records what that writes. */
    Recovered recover(CrashPoint point) {
        content.show(replay.content(point));
        states.reads(); // Only what follows is of interest.
        ServedRecording recovery = states.device().record();
        boolean done = false;
        try {
            ShownState state = shown(point);
            Throwable failure = states.run(state);
            RecordedRequests recorded = recovery.end();
            List<RequestEntry> entries = states.requests(); // While it is mounted, the files are known.
            states.leave(state, failure);
            checkWhole(recorded);
            if (failure != null || recorded.requests().isEmpty()) {
                return new Recovered(failure, Optional.empty());
            }
            Campaign writes = new Campaign(
                    disk,
                    states,
                    settings,
                    recovery,
                    log(recorded, log.blockSize(), settings),
                    acknowledged(point),
                    entries,
                    this,
                    point);
            done = true;
            return new Recovered(null, Optional.of(writes));
        } finally {
            if (!done) {
                recovery.close();
            }
        }
    }

    /** Writes the content of a state to an image file. */
    void save(CrashPoint point, Path file) throws IOException {
        content.show(replay.content(point));
        try (Snapshot snapshot = states.device().device().snapshot()) {
            snapshot.save(file);
        }
    }

    /** Returns a picture of the workload up to a state's cut. */
    String picture(CrashPoint point, String title) {
        Set<Long> taken = new HashSet<>();
        point.blocksLost(replay.to(point.requests()).unflushed())
                .keySet()
                .forEach(op -> taken.add(log.op(op).sequence()));
        return disk.journal().pictureOfCut(title, lastBefore(point), taken);
    }

    /** Returns the number of the last entry in the journal before a state's cut. */
    private long lastBefore(CrashPoint point) {
        long last = log.size() == 0 ? 0 : log.op(0).sequence() - 1;
        for (int i = 0; i < point.requests(); i++) {
            last = Math.max(last, log.op(i).sequence());
        }
        List<Object> given = acknowledged(point);
        int marks = 0;
        for (JournalEntry entry : disk.journal().entries()) {
            if (marks < given.size()
                    && entry instanceof MarkEntry mark
                    && mark.text().equals(Acknowledgements.mark(given.get(marks)))) {
                marks++;
                last = Math.max(last, entry.sequence());
            }
        }
        return last;
    }

    /** Returns what an unflushed write at this point is. */
    Replay replayTo(CrashPoint point) {
        return replay.to(point.requests());
    }

    @Override
    public void close() {
        try {
            if (before == null) {
                states.close();
            }
        } finally {
            recording.close();
        }
    }
}
