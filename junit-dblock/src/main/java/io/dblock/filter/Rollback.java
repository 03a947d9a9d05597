// SPDX-License-Identifier: Apache-2.0
package io.dblock.filter;

import io.dblock.handler.Operation;
import io.dblock.power.CutReport.CutWrite;
import io.dblock.power.CutReport.Fate;
import io.dblock.power.CutReport.Range;
import io.dblock.power.Survivors;
import io.dblock.power.Survivors.Choice;
import io.dblock.power.Survivors.Tearing;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;

/**
 * What a power cut does to the cached writes: all are undone, newest first, then the survivors are done again, oldest first.
 * Made from the log as it is; the log must not change before this is applied.
 */
final class Rollback {
    /** A torn write has no more pieces than this, each some logical blocks. */
    private static final long MAX_PIECES = 4096;

    /** What it is applied to: a store with the content the log belongs to. */
    interface Target {
        void read(long offset, ByteBuffer dst) throws IOException;

        void write(long offset, ByteBuffer src) throws IOException;

        void zero(long offset, long length) throws IOException;
    }

    /** A write: records from {@code first} to {@code last}, and what is kept of them. */
    private record Write(int first, int last, long blocks, List<Range> kept) {}

    private final UndoLog log;
    private final Arena arena;
    private final int logicalBlock;
    private final List<Write> writes = new ArrayList<>();
    private boolean nothingLost = true;

    /**
     * Decides what survives.
     *
     * @throws IllegalArgumentException if the survivors need a seed and have none, or name a request that is not there
     */
    Rollback(UndoLog log, Arena arena, int logicalBlock, Survivors survivors) {
        this.log = log;
        this.arena = arena;
        this.logicalBlock = logicalBlock;
        if (survivors.needsSeed()) {
            throw new IllegalArgumentException("The survivors \"" + survivors + "\" are random and have no seed. Give"
                    + " them one with withSeed(long).");
        }
        checkList(survivors);
        SplittableRandom choice = new SplittableRandom(survivors.seed().orElse(0));
        SplittableRandom tears = choice.split();
        Map<Long, Boolean> survives = new HashMap<>();
        Write lastTearable = null;
        int slot = log.first();
        while (slot != UndoLog.NONE) {
            int last = slot;
            long blocks = log.length(slot) / logicalBlock;
            while (log.next(last) != UndoLog.NONE && log.id(log.next(last)) == log.id(slot)) {
                last = log.next(last);
                blocks += log.length(last) / logicalBlock;
            }
            Write write = new Write(slot, last, blocks, new ArrayList<>());
            writes.add(write);
            int ordinal = survives.size();
            if (survives.computeIfAbsent(log.sequence(slot), s -> decide(survivors, s, ordinal, choice))) {
                SplittableRandom own = tears.split();
                if (survivors.tearing() == Tearing.EACH && blocks > 1) {
                    tear(write, own);
                } else {
                    keep(write, 0, blocks);
                }
                if (blocks > 1) {
                    lastTearable = write;
                }
            } else {
                nothingLost = false;
            }
            slot = log.next(last);
        }
        if (survivors.tearing() == Tearing.LAST && lastTearable != null) {
            lastTearable.kept().clear();
            tear(lastTearable, tears.split());
        }
    }

    private static boolean decide(Survivors survivors, long sequence, int ordinal, SplittableRandom random) {
        return switch (survivors.choice()) {
            case NONE -> false;
            case ALL -> true;
            case PREFIX -> ordinal < survivors.count();
            case RANDOM -> random.nextDouble() < survivors.probability();
            case LIST -> survivors.sequences().contains(sequence);
        };
    }

    private void checkList(Survivors survivors) {
        if (survivors.choice() != Choice.LIST) {
            return;
        }
        Set<Long> unknown = new TreeSet<>(survivors.sequences());
        Set<Long> known = new HashSet<>();
        for (int slot = log.first(); slot != UndoLog.NONE; slot = log.next(slot)) {
            known.add(log.sequence(slot));
        }
        unknown.removeAll(known);
        if (!unknown.isEmpty()) {
            throw new IllegalArgumentException("The survivors name the requests " + unknown
                    + ", which are not in the cache. In it are "
                    + (known.isEmpty() ? "none" : new TreeSet<>(known).toString())
                    + "; disk.unflushed() has them. What a flush or FUA has made durable survives anyway.");
        }
    }

    /** Keeps at least one piece and loses at least one. */
    private void tear(Write write, SplittableRandom random) {
        nothingLost = false;
        long size = (write.blocks() + MAX_PIECES - 1) / MAX_PIECES;
        long pieces = (write.blocks() + size - 1) / size;
        long lost = random.nextLong(pieces);
        long kept = random.nextLong(pieces - 1);
        if (kept >= lost) {
            kept++;
        }
        for (long piece = 0; piece < pieces; piece++) {
            boolean keeps = random.nextBoolean();
            if (piece == kept || (keeps && piece != lost)) {
                keep(write, piece * size, Math.min((piece + 1) * size, write.blocks()));
            }
        }
    }

    /** Keeps the blocks from {@code from} to before {@code to}, counted over all its records. */
    private void keep(Write write, long from, long to) {
        long start = from * logicalBlock;
        long end = to * logicalBlock;
        long passed = 0;
        int slot = write.first();
        while (true) {
            long length = log.length(slot);
            long a = Math.max(start - passed, 0);
            long b = Math.min(end - passed, length);
            if (a < b) {
                add(write.kept(), log.offset(slot) + a, b - a);
            }
            passed += length;
            if (slot == write.last()) {
                return;
            }
            slot = log.next(slot);
        }
    }

    private static void add(List<Range> ranges, long offset, long length) {
        int last = ranges.size() - 1;
        if (last >= 0 && ranges.get(last).offset() + ranges.get(last).length() == offset) {
            ranges.set(last, new Range(ranges.get(last).offset(), ranges.get(last).length() + length));
        } else {
            ranges.add(new Range(offset, length));
        }
    }

    /** What becomes of each write, in order; one entry for each stretch without a gap. */
    List<CutWrite> report() {
        List<CutWrite> report = new ArrayList<>();
        for (Write write : writes) {
            List<Range> stretches = new ArrayList<>();
            for (int slot = write.first(); ; slot = log.next(slot)) {
                add(stretches, log.offset(slot), log.length(slot));
                if (slot == write.last()) {
                    break;
                }
            }
            for (Range stretch : stretches) {
                List<Range> kept = within(write.kept(), stretch);
                long sum = kept.stream().mapToLong(Range::length).sum();
                report.add(new CutWrite(
                        log.sequence(write.first()),
                        operation(write),
                        stretch.offset(),
                        stretch.length(),
                        log.completion(write.first()) != 0,
                        sum == 0 ? Fate.LOST : sum == stretch.length() ? Fate.KEPT : Fate.TORN,
                        kept));
            }
        }
        return report;
    }

    private static List<Range> within(List<Range> ranges, Range bounds) {
        List<Range> found = new ArrayList<>();
        for (Range range : ranges) {
            long from = Math.max(range.offset(), bounds.offset());
            long to = Math.min(range.offset() + range.length(), bounds.offset() + bounds.length());
            if (from < to) {
                found.add(new Range(from, to - from));
            }
        }
        return found;
    }

    private Operation operation(Write write) {
        return switch (log.operation(write.first())) {
            case UndoLog.WRITE -> Operation.WRITE;
            case UndoLog.DISCARD -> Operation.DISCARD;
            default -> Operation.WRITE_ZEROES;
        };
    }

    /** A piece of data in an arena. */
    private record Saved(long offset, long reference, int length) {}

    /** Does it, once. */
    void apply(Target target) throws IOException {
        if (nothingLost) {
            return;
        }
        try (Arena own = new Arena()) {
            List<List<Saved>> redo = new ArrayList<>();
            for (int i = writes.size() - 1; i >= 0; i--) {
                Write write = writes.get(i);
                List<Saved> saved = new ArrayList<>();
                if (log.operation(write.first()) == UndoLog.WRITE) {
                    for (Range range : write.kept()) {
                        saveNew(target, range, own, saved);
                    }
                }
                redo.add(saved);
                undo(target, write);
            }
            for (int i = 0; i < writes.size(); i++) {
                Write write = writes.get(i);
                if (log.operation(write.first()) == UndoLog.WRITE) {
                    for (Saved piece : redo.get(writes.size() - 1 - i)) {
                        target.write(piece.offset(), own.slice(piece.reference(), piece.length()));
                    }
                } else {
                    for (Range range : write.kept()) {
                        target.zero(range.offset(), range.length());
                    }
                }
            }
        }
    }

    private static void saveNew(Target target, Range range, Arena own, List<Saved> saved) throws IOException {
        long at = range.offset();
        long end = at + range.length();
        while (at < end) {
            long reference = own.allocate(end - at);
            int length = own.granted();
            target.read(at, own.slice(reference, length));
            saved.add(new Saved(at, reference, length));
            at += length;
        }
    }

    private void undo(Target target, Write write) throws IOException {
        for (int slot = write.last(); ; slot = log.previous(slot)) {
            long old = log.old(slot);
            if (old < 0) {
                target.zero(log.offset(slot), log.length(slot));
            } else {
                target.write(log.offset(slot), arena.slice(old, (int) log.length(slot)));
            }
            if (slot == write.first()) {
                return;
            }
        }
    }
}
