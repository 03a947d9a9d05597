// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.handler.Operation;
import io.dblock.internal.store.Extents.Extent;
import io.dblock.power.CutReport.Range;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * A write that a power cut undoes, without its durable parts.
 *
 * @param id its number in the log
 * @param sequence its request's number in the journal
 * @param operation WRITE, DISCARD or WRITE_ZEROES
 * @param nanos when it came, by {@link System#nanoTime()}
 * @param completed whether it has been answered
 * @param pieces ascending, at least one
 */
record CachedWrite(
        long id, long sequence, Operation operation, long nanos, boolean completed, List<CachedWrite.Piece> pieces) {

    /**
     * A range and the place of its old content, which is side by side.
     *
     * @param offset bytes
     * @param length bytes
     * @param old see {@link BlockLog}
     */
    record Piece(long offset, long length, long old) {}

    /** Returns the writes of a log, oldest first. */
    static List<CachedWrite> of(UndoLog log) {
        List<CachedWrite> writes = new ArrayList<>();
        Extents durable = new Extents();
        int slot = log.last();
        while (slot != UndoLog.NONE) {
            if (log.operation(slot) == UndoLog.DURABLE) {
                durable.add(log.offset(slot), log.end(slot));
                slot = log.previous(slot);
                continue;
            }
            int newest = slot;
            List<Piece> pieces = new ArrayList<>();
            int first = firstOf(log, slot);
            for (int part = first; ; part = log.next(part)) {
                addMissing(log, part, durable, pieces);
                if (part == newest) {
                    break;
                }
            }
            if (!pieces.isEmpty()) {
                writes.add(new CachedWrite(
                        log.id(first),
                        log.sequence(first),
                        operation(log.operation(first)),
                        log.nanos(first),
                        log.completion(first) != 0,
                        pieces));
            }
            slot = log.previous(first);
        }
        Collections.reverse(writes);
        return writes;
    }

    private static int firstOf(UndoLog log, int slot) {
        int first = slot;
        int previous = log.previous(first);
        while (previous != UndoLog.NONE
                && log.id(previous) == log.id(slot)
                && log.operation(previous) != UndoLog.DURABLE) {
            first = previous;
            previous = log.previous(first);
        }
        return first;
    }

    private static void addMissing(UndoLog log, int slot, Extents durable, List<Piece> pieces) {
        long offset = log.offset(slot);
        long old = log.old(slot);
        for (Extent part : durable.missing(offset, log.end(slot))) {
            long behind = (part.start() - offset) / BlockLog.BLOCK;
            pieces.add(new Piece(part.start(), part.length(), BlockLog.behind(old, behind)));
        }
    }

    private static Operation operation(int number) {
        return switch (number) {
            case UndoLog.WRITE -> Operation.WRITE;
            case UndoLog.DISCARD -> Operation.DISCARD;
            default -> Operation.WRITE_ZEROES;
        };
    }

    /** Returns the length of the write in bytes. */
    long length() {
        return pieces.stream().mapToLong(Piece::length).sum();
    }

    /** Returns the ranges of the write; adjacent pieces are one range. */
    List<Range> ranges() {
        List<Range> ranges = new ArrayList<>();
        pieces.forEach(piece -> append(ranges, piece.offset(), piece.length()));
        return ranges;
    }

    /** Adds a range at the end and joins it with the last range if they touch. */
    static void append(List<Range> ranges, long offset, long length) {
        int last = ranges.size() - 1;
        if (last >= 0 && ranges.get(last).offset() + ranges.get(last).length() == offset) {
            Range before = ranges.get(last);
            ranges.set(last, new Range(before.offset(), before.length() + length));
        } else {
            ranges.add(new Range(offset, length));
        }
    }
}
