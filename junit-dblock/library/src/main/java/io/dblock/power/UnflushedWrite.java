// SPDX-License-Identifier: Apache-2.0
package io.dblock.power;

import io.dblock.handler.Operation;
import java.time.Duration;
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
 */
public record UnflushedWrite(
        long sequence,
        Operation operation,
        long offset,
        long length,
        boolean completed,
        Duration age,
        Optional<String> sinceMark) {

    /** Returns the offset after the last byte of the write. */
    public long end() {
        return offset + length;
    }

    /** Returns one readable line. */
    @Override
    public String toString() {
        return "#" + sequence + " " + operation + " of " + length + " bytes at " + offset + ", "
                + age.toNanos() / 1_000_000 + " ms ago"
                + sinceMark.map(mark -> ", since mark \"" + mark + "\"").orElse("")
                + (completed ? "" : ", not answered yet");
    }
}
