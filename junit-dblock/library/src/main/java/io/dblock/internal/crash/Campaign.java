// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import io.dblock.BlockDevice;
import io.dblock.Snapshot;
import io.dblock.internal.crash.CrashStates.Settings;
import io.dblock.internal.crash.CrashStates.State;
import io.dblock.internal.device.CrashDevice;
import io.dblock.internal.server.ServedRecording;
import io.dblock.internal.store.RecordedRequests;
import io.dblock.journal.ContentHash;
import io.dblock.journal.RequestEntry;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * A workload that was recorded, and the checks of the states that a power cut during it could have left. The states are
 * shown on one other device, one after the other. One thread at a time uses this.
 */
public final class Campaign implements AutoCloseable {
    private static final int LONGEST_MARK = 60;

    /** What the test does. */
    @FunctionalInterface
    public interface Work {
        void run(Consumer<Object> acknowledge) throws Exception;
    }

    /** What has to hold in each state. */
    @FunctionalInterface
    public interface Check {
        void check(ShownState state) throws Exception;
    }

    private final BlockDevice disk;
    private final ServedRecording recording;
    private final List<Object> acknowledged;
    private final CrashLog log;
    private final Map<Long, RequestEntry> journal = new HashMap<>();
    private final Check check;
    private final CrashDevice device;
    private final Replay replay;
    /** For each block, from which request it is in the content that was shown last. */
    private final int[] shown;

    private final Map<CrashStates.Key, Throwable> verdicts = new HashMap<>();
    private long checks;

    private Campaign(
            CrashDevice original,
            ServedRecording recording,
            RecordedRequests recorded,
            List<Object> acknowledged,
            int[] positions,
            int atomic,
            Check check) {
        disk = original.device();
        this.recording = recording;
        this.acknowledged = acknowledged;
        this.check = check;
        log = new CrashLog(recorded, atomic, ContentHash.of(new byte[recorded.logicalBlock()]), positions);
        disk.journal().requests().forEach(request -> journal.put(request.sequence(), request));
        replay = new Replay(log);
        shown = new int[log.blocks()];
        Arrays.fill(shown, CrashLog.START);
        device = original.another();
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
     * @param atomic how much the disk writes at once, in bytes; 0 for as much as the filesystem relies on
     * @throws AssertionError if the workload fails
     */
    public static Campaign record(BlockDevice disk, int atomic, Work work, Check check) {
        CrashDevice original = CrashDevice.of(disk);
        ServedRecording recording = original.record();
        boolean done = false;
        try {
            List<Object> acknowledged = new ArrayList<>();
            List<Integer> positions = new ArrayList<>();
            Object lock = new Object();
            try {
                work.run(what -> {
                    synchronized (lock) {
                        positions.add(recording.count());
                        acknowledged.add(what);
                    }
                    disk.journal().mark(mark(what));
                });
            } catch (Exception e) {
                throw new AssertionError("The workload of the crash test failed: " + e, e);
            }
            synchronized (lock) {
                RecordedRequests recorded = recording.end();
                if (!recorded.broken().isEmpty()) {
                    throw new IllegalStateException("The workload of the crash test cannot be used, because "
                            + recorded.broken() + " while it ran. Allowed: reads, writes, flushes, discards.");
                }
                Campaign campaign = new Campaign(
                        original,
                        recording,
                        recorded,
                        acknowledged,
                        positions.stream().mapToInt(i -> i).toArray(),
                        atomic == 0 ? atomicFor(disk) : atomic,
                        check);
                done = true;
                return campaign;
            }
        } finally {
            if (!done) {
                recording.close();
            }
        }
    }

    private static String mark(Object what) {
        String text = "acknowledged " + what;
        return text.length() > LONGEST_MARK ? text.substring(0, LONGEST_MARK) + "..." : text;
    }

    CrashLog log() {
        return log;
    }

    BlockDevice disk() {
        return disk;
    }

    /** Returns the states to check. */
    CrashStates states(Settings settings) {
        return new CrashStates(log, settings);
    }

    /** Returns the journal's entry of a request; null if it has none any longer. */
    RequestEntry entry(long sequence) {
        return journal.get(sequence);
    }

    /** Returns what was acknowledged at this point. */
    List<Object> acknowledged(CrashPoint point) {
        return acknowledged.subList(0, point.acknowledged());
    }

    /** Returns how many checks have been made. */
    long checks() {
        return checks;
    }

    String id(CrashPoint point) {
        return point.id(replay.to(point.requests()).unflushed()) + "~" + log.fingerprint(point.requests());
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
        return "after " + point.requests() + " requests, " + point.acknowledged() + " acknowledged, "
                + (lost.isEmpty() ? "none" : String.valueOf(lost.size() - torn)) + " of " + pending.size()
                + " unflushed writes lost" + (torn == 0 ? "" : ", " + torn + " torn");
    }

    /** Returns why a state fails its check; null if it does not. The same content is checked once. */
    Throwable verdict(CrashPoint point) {
        int[] content = replay.content(point);
        CrashStates.Key key = new CrashStates.Key(replay.hash(content), point.acknowledged());
        if (!verdicts.containsKey(key)) {
            verdicts.put(key, check(point, content));
        }
        return verdicts.get(key);
    }

    /** Shows a state and checks it; returns why it fails, or null. */
    Throwable checkNow(State state) {
        Throwable failure = check(state.point(), replay.content(state.point()));
        verdicts.put(new CrashStates.Key(state.hash(), state.point().acknowledged()), failure);
        return failure;
    }

    private Throwable check(CrashPoint point, int[] content) {
        show(content);
        checks++;
        Throwable failure = null;
        try {
            check.check(new ShownState(device, acknowledged(point), id(point), describe(point)));
        } catch (Exception | AssertionError e) {
            failure = e;
        }
        List<String> holders = device.unmount();
        if (!holders.isEmpty()) {
            IllegalStateException left = new IllegalStateException("The check of the state " + id(point)
                    + " has left the disk in use, so no other state can be shown:\n  " + String.join("\n  ", holders)
                    + "\nClose in the check what it opens.");
            if (failure != null) {
                left.addSuppressed(failure);
            }
            throw left;
        }
        return failure;
    }

    /** Makes the other device have the content of a state. Only what differs from the last one is told to the server. */
    private void show(int[] content) {
        Changes changes = new Changes(log);
        for (int block = 0; block < content.length; block++) {
            if (content[block] != shown[block]) {
                changes.add(block, content[block]);
                shown[block] = content[block];
            }
        }
        device.show(recording, changes.bytes());
    }

    /** Writes the content of a state to an image file. */
    void save(CrashPoint point, Path file) throws IOException {
        show(replay.content(point));
        try (Snapshot snapshot = device.device().snapshot()) {
            snapshot.save(file);
        }
    }

    /** Returns what an unflushed write at this point is. */
    Replay replayTo(CrashPoint point) {
        return replay.to(point.requests());
    }

    @Override
    public void close() {
        try {
            device.close();
        } finally {
            recording.close();
        }
    }
}
