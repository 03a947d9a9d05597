// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import io.dblock.handler.Errno;
import io.dblock.handler.IoPriority;
import io.dblock.handler.Operation;
import io.dblock.handler.Place;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestInfo;
import io.dblock.handler.WriteHint;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.OptionalLong;

/**
 * A request of the kernel, that is, an application's I/O after merging and splitting.
 *
 * @param sequence its number in the journal, from 1: the order of submission
 * @param submittedNanos when the kernel's block layer got it, in nanoseconds since the journal began
 * @param completedBefore how many requests had been answered when it came
 * @param completedNanos when it was answered, in nanoseconds since the journal began; -1 if it is under way. A device in
 *     memory answers at once: if no rule keeps the request waiting, this is when the server got it
 * @param completionOrder its place among all answers of the device, from 1; -1 if it is under way
 * @param info what it asked for
 * @param failures the parts that failed, in order; empty if no part failed or it is under way
 * @param rules the names of the fault rules that acted on it, in order; empty if no rule did or it is under way
 * @param flushEpoch how many flushes had completed successfully when it came
 * @param hash the {@link ContentHash} of its data, if there is one: see {@link Capture}
 * @param places the files and other parts of the filesystem that its range belonged to when it came, by offset, as far
 *     as they are known, see {@link Journal}; of a request with more than 64, the first
 */
public record RequestEntry(
        long sequence,
        long submittedNanos,
        long completedBefore,
        long completedNanos,
        long completionOrder,
        RequestInfo info,
        List<FailedRange> failures,
        List<String> rules,
        long flushEpoch,
        OptionalLong hash,
        List<Place> places)
        implements JournalEntry {

    private static final int SECTOR = 512;

    /** Copies the lists. */
    public RequestEntry {
        Objects.requireNonNull(info, "info");
        Objects.requireNonNull(hash, "hash");
        failures = List.copyOf(failures);
        rules = List.copyOf(rules);
        places = List.copyOf(places);
    }

    /** Creates an entry of which no file is known. */
    public RequestEntry(
            long sequence,
            long submittedNanos,
            long completedBefore,
            long completedNanos,
            long completionOrder,
            RequestInfo info,
            List<FailedRange> failures,
            List<String> rules,
            long flushEpoch,
            OptionalLong hash) {
        this(
                sequence,
                submittedNanos,
                completedBefore,
                completedNanos,
                completionOrder,
                info,
                failures,
                rules,
                flushEpoch,
                hash,
                List.of());
    }

    /** Returns this entry with other places. */
    public RequestEntry withPlaces(List<Place> value) {
        return new RequestEntry(
                sequence,
                submittedNanos,
                completedBefore,
                completedNanos,
                completionOrder,
                info,
                failures,
                rules,
                flushEpoch,
                hash,
                value);
    }

    @Override
    public long nanos() {
        return submittedNanos;
    }

    /** Returns whether the request has been answered. */
    public boolean isCompleted() {
        return completionOrder >= 0;
    }

    /** Returns whether the request has been answered and no part of it failed. */
    public boolean succeeded() {
        return isCompleted() && failures.isEmpty();
    }

    /** Returns the first error; null if the request succeeded or is under way. */
    public Errno result() {
        return failures.isEmpty() ? null : failures.get(0).errno();
    }

    /** Returns whether the request asked for this operation. */
    public boolean is(Operation operation) {
        return info.operation() == operation;
    }

    /** Returns whether the request concerns a byte of this range, in bytes. A flush concerns none. */
    public boolean overlaps(long offset, long length) {
        return info.offset() < offset + length && offset < info.end();
    }

    @Override
    public String toString() {
        StringBuilder line = new StringBuilder(EntryText.start(sequence, submittedNanos));
        line.append(String.format(Locale.ROOT, "%-6s", info.operation()));
        if (info.operation().isZoned() && !is(Operation.ZONE_APPEND)) {
            line.append(" zone at sector ").append(info.offset() / SECTOR);
        } else if (!is(Operation.FLUSH)) {
            line.append(' ').append(EntryText.sectors(info.offset(), info.length()));
            line.append(" (").append(EntryText.bytes(info.length())).append(')');
        }
        if (!places.isEmpty()) {
            line.append(' ').append(Place.list(places));
        }
        for (RequestFlag flag : RequestFlag.values()) {
            if (info.has(flag)) {
                line.append(' ').append(flag);
            }
        }
        if (!info.priority().equals(IoPriority.NONE)) {
            line.append(" ioprio ").append(info.priority());
        }
        if (info.writeHint() != WriteHint.NOT_SET) {
            line.append(" lifetime ").append(info.writeHint());
        }
        if (!isCompleted()) {
            return line.append(": under way").toString();
        }
        line.append(": ");
        if (failures.isEmpty()) {
            line.append("ok");
        } else if (failures.size() == 1 && failures.get(0).length() == info.length()) {
            line.append(result());
        } else {
            for (int i = 0; i < failures.size(); i++) {
                line.append(i == 0 ? "" : ", ").append(failures.get(i));
            }
        }
        line.append(", ").append(EntryText.duration(completedNanos - submittedNanos));
        for (String rule : rules) {
            line.append(" [").append(rule).append(']');
        }
        return line.toString();
    }
}
