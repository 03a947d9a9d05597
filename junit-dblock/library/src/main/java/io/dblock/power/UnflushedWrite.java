// SPDX-License-Identifier: Apache-2.0
package io.dblock.power;

import io.dblock.handler.Operation;
import java.time.Duration;
import java.util.Optional;

/**
 * A write, discard or write-zeroes that is in the disk's volatile cache: a power cut may lose it. What later writes have made
 * durable of its range is no longer part of it; a request that was split has one entry for each piece.
 *
 * @param sequence its request's number in the journal
 * @param operation what it is
 * @param offset bytes
 * @param length bytes, at least 1
 * @param completed whether it has been answered; the next flush makes those durable that have
 * @param age how long it has been in the cache
 * @param sinceMark the last mark set before it went into the cache, if any
 */
public record UnflushedWrite(
        long sequence,
        Operation operation,
        long offset,
        long length,
        boolean completed,
        Duration age,
        Optional<String> sinceMark) {

    /** One after the last byte it concerns. */
    public long end() {
        return offset + length;
    }

    /** One readable line. */
    @Override
    public String toString() {
        return "#" + sequence + " " + operation + " of " + length + " bytes at " + offset + ", "
                + age.toNanos() / 1_000_000 + " ms ago"
                + sinceMark.map(mark -> ", since mark \"" + mark + "\"").orElse("")
                + (completed ? "" : ", not answered yet");
    }
}
