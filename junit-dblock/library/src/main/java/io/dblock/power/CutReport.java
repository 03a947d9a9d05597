// SPDX-License-Identifier: Apache-2.0
package io.dblock.power;

import io.dblock.handler.Operation;
import io.dblock.handler.Place;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What a power cut did to the writes in the cache.
 *
 * @param survivors the survivors asked for, with the seed that was used if something was random
 * @param writes all writes that were in the cache, in the order in which they entered it, and what became of each
 */
public record CutReport(Survivors survivors, List<CutWrite> writes) {

    /** Copies the list. */
    public CutReport {
        writes = List.copyOf(writes);
    }

    /** What became of a write. */
    public enum Fate {
        /** The write is durable. */
        KEPT,
        /** The write is lost, as if it had never been made. */
        LOST,
        /** Some logical blocks of the write are durable, the others are lost. */
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
     * A write, discard or write-zeroes that no flush and no FUA had made durable. If another write has made a part of its
     * range durable, that part no longer belongs to it. A request that was split has one entry for each piece.
     *
     * @param sequence the request's number in the journal
     * @param operation the operation of the request
     * @param offset bytes
     * @param length bytes
     * @param completed whether the request had been answered; if not, it has failed
     * @param fate what became of the write
     * @param kept its durable ranges, ascending: all of it, nothing, or some
     * @param places the files and other parts of the filesystem that it wrote to, as far as they are known
     */
    public record CutWrite(
            long sequence,
            Operation operation,
            long offset,
            long length,
            boolean completed,
            Fate fate,
            List<Range> kept,
            List<Place> places) {
        /** Copies the lists. */
        public CutWrite {
            kept = List.copyOf(kept);
            places = List.copyOf(places);
        }

        /** Creates a write of which no file is known. */
        public CutWrite(
                long sequence,
                Operation operation,
                long offset,
                long length,
                boolean completed,
                Fate fate,
                List<Range> kept) {
            this(sequence, operation, offset, length, completed, fate, kept, List.of());
        }

        /** Returns this write with other places. */
        public CutWrite withPlaces(List<Place> value) {
            return new CutWrite(sequence, operation, offset, length, completed, fate, kept, value);
        }

        @Override
        public String toString() {
            String text = fate + " #" + sequence + " " + operation + " of " + length + " bytes at " + offset
                    + (places.isEmpty() ? "" : " (" + Place.list(places) + ")")
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

    /** Returns the writes that are completely durable. */
    public List<CutWrite> kept() {
        return with(Fate.KEPT);
    }

    /** Returns the writes that are completely lost. */
    public List<CutWrite> lost() {
        return with(Fate.LOST);
    }

    /** Returns the writes that are torn. */
    public List<CutWrite> torn() {
        return with(Fate.TORN);
    }

    private List<CutWrite> with(Fate fate) {
        return writes.stream().filter(write -> write.fate() == fate).toList();
    }

    /** Returns the effect of the cut in one line. */
    public String summary() {
        return "survivors: " + survivors
                + (writes.isEmpty()
                        ? "; nothing was unflushed, so the cut lost nothing"
                        : "; of " + writes.size() + " cached writes " + kept().size() + " kept, " + lost().size()
                                + " lost, " + torn().size() + " torn");
    }

    /** Returns one line for the cut and one for each write. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("power cut, ").append(summary());
        writes.forEach(write -> text.append(System.lineSeparator()).append("  ").append(write));
        return text.toString();
    }
}
