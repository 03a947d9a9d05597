// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.internal.store.CachedWrite.Piece;
import io.dblock.power.CutReport.CutWrite;
import io.dblock.power.CutReport.Fate;
import io.dblock.power.CutReport.Range;
import io.dblock.power.Survivors;
import io.dblock.power.Survivors.Choice;
import io.dblock.power.Survivors.Tearing;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeSet;

/**
 * The effect of a power cut on the cached writes: as if all were undone, newest first, and the survivors were redone
 * then, oldest first. The lock of the log is held until the rollback is applied.
 */
final class Rollback {
    /** The largest number of pieces of a torn write; each piece is some logical blocks. */
    private static final long MAX_PIECES = 4096;

    private final int logicalBlock;
    private final List<CachedWrite> writes;
    /** The parts that are kept of each write, ascending. */
    private final List<List<Range>> kept = new ArrayList<>();

    private boolean nothingLost = true;

    /**
     * Decides what survives.
     *
     * @throws IllegalArgumentException if the survivors need a seed and have none, or name a request that is not there
     */
    Rollback(UndoLog log, int logicalBlock, Survivors survivors) {
        this.logicalBlock = logicalBlock;
        if (survivors.needsSeed()) {
            throw new IllegalArgumentException("The survivors \"" + survivors + "\" are random and have no seed. Give"
                    + " them one with withSeed(long).");
        }
        writes = CachedWrite.of(log);
        checkList(survivors);
        // Each request draws once, whatever the others do, so later requests do not change the fate of earlier ones.
        SplittableRandom choice = new SplittableRandom(survivors.seed().orElse(0));
        SplittableRandom tears = choice.split();
        Map<Long, Boolean> survives = new HashMap<>();
        for (CachedWrite write : writes) {
            int ordinal = survives.size();
            SplittableRandom own = tears.split();
            List<Range> keeps = new ArrayList<>();
            kept.add(keeps);
            if (!survives.computeIfAbsent(write.sequence(), s -> decide(survivors, s, ordinal, choice))) {
                nothingLost = false;
            } else if (survivors.tearing() == Tearing.EACH && blocks(write) > 1) {
                tear(write, own, keeps);
            } else {
                keep(write, 0, write.length(), keeps);
            }
        }
        if (survivors.tearing() == Tearing.LAST) {
            tearLast(tears.split());
        }
    }

    /** Returns whether there was nothing to lose. */
    boolean isEmpty() {
        return writes.isEmpty();
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
        TreeSet<Long> known = new TreeSet<>();
        writes.forEach(write -> known.add(write.sequence()));
        TreeSet<Long> unknown = new TreeSet<>(survivors.sequences());
        unknown.removeAll(known);
        if (!unknown.isEmpty()) {
            throw new IllegalArgumentException("The survivors name the requests " + unknown
                    + ", which are not in the cache. The cache has " + (known.isEmpty() ? "none" : known)
                    + "; disk.unflushed() lists them. What a flush or FUA has made durable survives anyway.");
        }
    }

    private long blocks(CachedWrite write) {
        return write.length() / logicalBlock;
    }

    private void tearLast(SplittableRandom random) {
        for (int i = writes.size() - 1; i >= 0; i--) {
            if (!kept.get(i).isEmpty() && blocks(writes.get(i)) > 1) {
                kept.get(i).clear();
                tear(writes.get(i), random, kept.get(i));
                return;
            }
        }
    }

    /** Keeps at least one piece and loses at least one. */
    private void tear(CachedWrite write, SplittableRandom random, List<Range> keeps) {
        nothingLost = false;
        long blocks = blocks(write);
        long blocksPerPiece = (blocks + MAX_PIECES - 1) / MAX_PIECES;
        long pieces = (blocks + blocksPerPiece - 1) / blocksPerPiece;
        long lost = random.nextLong(pieces);
        long other = random.nextLong(pieces - 1);
        long certain = other < lost ? other : other + 1;
        for (long piece = 0; piece < pieces; piece++) {
            boolean keep = random.nextBoolean();
            if (piece == certain || (keep && piece != lost)) {
                long from = piece * blocksPerPiece;
                long to = Math.min(from + blocksPerPiece, blocks);
                keep(write, from * logicalBlock, to * logicalBlock, keeps);
            }
        }
    }

    /** Keeps the bytes from {@code start} to before {@code end}, counted across all pieces. */
    private static void keep(CachedWrite write, long start, long end, List<Range> keeps) {
        long passed = 0;
        for (Piece piece : write.pieces()) {
            long from = Math.max(start - passed, 0);
            long to = Math.min(end - passed, piece.length());
            if (from < to) {
                CachedWrite.append(keeps, piece.offset() + from, to - from);
            }
            passed += piece.length();
        }
    }

    /** Returns what becomes of each write, in order; one entry for each range. */
    List<CutWrite> report() {
        List<CutWrite> report = new ArrayList<>();
        for (int i = 0; i < writes.size(); i++) {
            CachedWrite write = writes.get(i);
            for (Range range : write.ranges()) {
                List<Range> keeps = within(kept.get(i), range);
                long sum = keeps.stream().mapToLong(Range::length).sum();
                report.add(new CutWrite(
                        write.sequence(),
                        write.operation(),
                        range.offset(),
                        range.length(),
                        write.completed(),
                        sum == 0 ? Fate.LOST : sum == range.length() ? Fate.KEPT : Fate.TORN,
                        keeps));
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

    /**
     * Makes an index of the content before the cut one of the content after it. The newest write that survives decides
     * what a block is; what it brought is what the next write has replaced.
     */
    void apply(BlockIndex content) {
        if (nothingLost) {
            return;
        }
        Extents decided = new Extents();
        for (int i = writes.size() - 1; i >= 0; i--) {
            for (Range range : kept.get(i)) {
                decided.add(range.offset(), range.offset() + range.length());
            }
            for (Piece piece : writes.get(i).pieces()) {
                for (Extents.Extent lost : decided.missing(piece.offset(), piece.offset() + piece.length())) {
                    long first = lost.start() / BlockLog.BLOCK;
                    content.set(
                            first,
                            lost.end() / BlockLog.BLOCK,
                            BlockLog.behind(piece.old(), first - piece.offset() / BlockLog.BLOCK));
                }
            }
        }
    }
}
