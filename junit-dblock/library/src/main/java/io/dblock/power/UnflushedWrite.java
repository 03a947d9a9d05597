// SPDX-License-Identifier: Apache-2.0
package io.dblock.power;

import io.dblock.handler.Operation;
import io.dblock.handler.Place;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * A write, discard or write-zeroes in the disk's volatile cache, which a power cut may lose. The part of its range that
 * later writes have made durable no longer belongs to it. A request that was split has one entry for each piece.
 *
 * @param sequence the request's number in the journal
 * @param operation the operation of the request
 * @param offset bytes
 * @param length bytes, at least 1
 * @param completed whether the request has been answered; the next flush makes answered ones durable
 * @param age how long the write has been in the cache
 * @param sinceMark the last mark set before the write entered the cache, if any
 * @param places the files and other parts of the filesystem that it wrote to, as far as they are known
 */
public record UnflushedWrite(
        long sequence,
        Operation operation,
        long offset,
        long length,
        boolean completed,
        Duration age,
        Optional<String> sinceMark,
        List<Place> places) {

    /** Copies the list. */
    public UnflushedWrite {
        places = List.copyOf(places);
    }

    /** Creates a write of which no file is known. */
    public UnflushedWrite(
            long sequence,
            Operation operation,
            long offset,
            long length,
            boolean completed,
            Duration age,
            Optional<String> sinceMark) {
        this(sequence, operation, offset, length, completed, age, sinceMark, List.of());
    }

    /** Returns this write with other places. */
    public UnflushedWrite withPlaces(List<Place> value) {
        return new UnflushedWrite(sequence, operation, offset, length, completed, age, sinceMark, value);
    }

    /** Returns the offset after the last byte of the write. */
    public long end() {
        return offset + length;
    }

    /** Returns one readable line. */
    @Override
    public String toString() {
        return "#" + sequence + " " + operation + " of " + length + " bytes at " + offset
                + (places.isEmpty() ? "" : " (" + Place.list(places) + ")") + ", "
                + age.toNanos() / 1_000_000 + " ms ago"
                + sinceMark.map(mark -> ", since mark \"" + mark + "\"").orElse("")
                + (completed ? "" : ", not answered yet");
    }
}
