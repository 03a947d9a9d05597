// SPDX-License-Identifier: Apache-2.0
package io.dblock.power;

import io.dblock.handler.Operation;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What a power cut did to the writes in the cache.
 *
 * @param survivors what was asked for, with the seed that was used if something was random
 * @param writes all that was in the cache, in the order in which it went in, and what became of it
 */
public record CutReport(Survivors survivors, List<CutWrite> writes) {

    /** Copies the list. */
    public CutReport {
        writes = List.copyOf(writes);
    }

    /** What became of a write. */
    public enum Fate {
        /** It is durable. */
        KEPT,
        /** It is as if it had never been made. */
        LOST,
        /** Some of its logical blocks are durable, the others lost. */
        TORN
    }

    /**
     * A range of the disk.
     *
     * @param offset bytes
     * @param length bytes, at least 1
     */
    public record Range(long offset, long length) {}

    /**
     * A write, discard or write-zeroes that no flush and no FUA had made durable. What other writes have made durable of
     * its range is no longer part of it; a request that was split has one entry for each piece.
     *
     * @param sequence its request's number in the journal
     * @param operation what it was
     * @param offset bytes
     * @param length bytes
     * @param completed whether it had been answered; if not, the request has failed
     * @param fate what became of it
     * @param kept the ranges of it that are durable, ascending: all of it, nothing, or some
     */
    public record CutWrite(
            long sequence,
            Operation operation,
            long offset,
            long length,
            boolean completed,
            Fate fate,
            List<Range> kept) {
        /** Copies the list. */
        public CutWrite {
            kept = List.copyOf(kept);
        }

        @Override
        public String toString() {
            String text = fate + " #" + sequence + " " + operation + " of " + length + " bytes at " + offset
                    + (completed ? "" : ", not answered yet");
            if (fate != Fate.TORN) {
                return text;
            }
            return text + ", of it kept "
                    + kept.stream()
                            .map(range -> range.length() + " at " + range.offset())
                            .collect(Collectors.joining(", "));
        }
    }

    /** Those that are durable as a whole. */
    public List<CutWrite> kept() {
        return with(Fate.KEPT);
    }

    /** Those that are lost as a whole. */
    public List<CutWrite> lost() {
        return with(Fate.LOST);
    }

    /** Those that are torn. */
    public List<CutWrite> torn() {
        return with(Fate.TORN);
    }

    private List<CutWrite> with(Fate fate) {
        return writes.stream().filter(write -> write.fate() == fate).toList();
    }

    /** What it did in one line. */
    public String summary() {
        return "survivors: " + survivors
                + (writes.isEmpty()
                        ? "; nothing was unflushed, so the cut lost nothing"
                        : "; of " + writes.size() + " cached writes " + kept().size() + " kept, " + lost().size()
                                + " lost, " + torn().size() + " torn");
    }

    /** One line for the cut and one for each write. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("power cut, ").append(summary());
        writes.forEach(write -> text.append(System.lineSeparator()).append("  ").append(write));
        return text.toString();
    }
}
