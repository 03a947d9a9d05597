// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import com.google.errorprone.annotations.CheckReturnValue;
import io.dblock.handler.Operation;
import io.dblock.handler.Place;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestInfo;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * Which requests a rule acts on, on which part of them, and when. {@link FaultBuilder} describes each value in the
 * method for it.
 *
 * @param operations operations of the requests; all operations: any request
 * @param range the bytes matched; empty: all. A flush has no bytes, so a rule with a range does not match it
 * @param flags flags that the requests must all have
 * @param minLength the shortest length of a request, in bytes
 * @param maxLength the greatest length of a request, in bytes
 * @param after how many matching requests are skipped first
 * @param times on how many requests the rule acts at most; empty: the default of the action
 * @param probability the probability with which the rule acts on a matching request, above 0, up to 1
 * @param sinceMark acts only once the journal has this mark
 * @param untilMark acts only until the journal has this mark
 * @param fromFlushEpoch acts only once this many flushes have succeeded
 * @param file the file that the requests are on: its path from the filesystem's root, or a glob; empty: any
 */
@CheckReturnValue
public record Match(
        Set<Operation> operations,
        Optional<Range> range,
        Set<RequestFlag> flags,
        long minLength,
        long maxLength,
        long after,
        OptionalLong times,
        double probability,
        Optional<String> sinceMark,
        Optional<String> untilMark,
        long fromFlushEpoch,
        Optional<String> file) {

    /** The size of a sector in bytes: the kernel's unit, whatever the logical block. */
    public static final int SECTOR = 512;

    private static final Match ANY = new Match(
            EnumSet.allOf(Operation.class),
            Optional.empty(),
            Set.of(),
            0,
            Long.MAX_VALUE,
            0,
            OptionalLong.empty(),
            1,
            Optional.empty(),
            Optional.empty(),
            0,
            Optional.empty());

    /**
     * A range of a device.
     *
     * @param offset bytes, a multiple of 512
     * @param length bytes, a positive multiple of 512
     */
    public record Range(long offset, long length) {
        /** Checks that the range consists of whole sectors. */
        public Range {
            if (offset < 0 || offset % SECTOR != 0) {
                throw new IllegalArgumentException(
                        "offset is " + offset + ". Allowed: multiples of a sector (512 bytes) from 0.");
            }
            if (length <= 0 || length % SECTOR != 0 || offset + length < 0) {
                throw new IllegalArgumentException(
                        "length is " + length + ". Allowed: positive multiples of a sector (512 bytes).");
            }
        }

        /** Returns the offset after the last byte. */
        public long end() {
            return offset + length;
        }

        /** Returns the sectors of the range, such as {@code sectors 8-15}. */
        @Override
        public String toString() {
            long first = offset / SECTOR;
            long last = end() / SECTOR - 1;
            return first == last ? "sector " + first : "sectors " + first + "-" + last;
        }
    }

    /**
     * Copies the sets and checks everything.
     *
     * @throws IllegalArgumentException if a value is not allowed; the message has the value and what is allowed
     */
    public Match {
        operations = sorted(Operation.class, operations);
        flags = sorted(RequestFlag.class, flags);
        if (operations.isEmpty()) {
            throw new IllegalArgumentException(
                    "A rule is on no operation. Name some of " + EnumSet.allOf(Operation.class) + ", or use onAny().");
        }
        if (range.isPresent() && !isAny(operations) && operations.contains(Operation.FLUSH)) {
            throw new IllegalArgumentException("A rule on " + operations + " has a range (" + range.get()
                    + "), but a FLUSH has no sectors. Leave out one of them, or make two rules.");
        }
        if (file.isPresent() && !isAny(operations) && operations.contains(Operation.FLUSH)) {
            throw new IllegalArgumentException("A rule on " + operations + " has a file (" + file.get()
                    + "), but a FLUSH is about all files. Leave out one of them, or make two rules.");
        }
        file.ifPresent(Place::of);
        check(minLength >= 0, "minLength", minLength, "0 bytes or more");
        check(maxLength >= minLength, "maxLength", maxLength, "at least minLength (" + minLength + " bytes)");
        check(after >= 0, "after", after, "0 or more requests");
        times.ifPresent(k -> check(k >= 1, "times", k, "at least 1 request"));
        check(probability > 0 && probability <= 1, "probability", probability, "above 0, up to 1");
        check(sinceMark.isEmpty() || !sinceMark.get().isBlank(), "sinceMark", "blank", "the text of a mark");
        check(untilMark.isEmpty() || !untilMark.get().isBlank(), "untilMark", "blank", "the text of a mark");
        check(fromFlushEpoch >= 0, "fromFlushEpoch", fromFlushEpoch, "0 or more flushes");
    }

    /** Returns a match for requests with any of these operations, at least one. */
    public static Match on(Operation... operations) {
        EnumSet<Operation> set = EnumSet.noneOf(Operation.class);
        set.addAll(java.util.List.of(operations));
        return ANY.withOperations(set);
    }

    /** Returns a match for all requests. */
    public static Match any() {
        return ANY;
    }

    /** Returns whether all operations match. */
    public boolean isAny() {
        return isAny(operations);
    }

    /**
     * Returns whether the properties of the request match: operation, flags, length, and whether it has sectors in the
     * range. Does not check the file, marks, the flush epoch, counts and the probability.
     */
    public boolean fits(RequestInfo info) {
        return operations.contains(info.operation())
                && info.flags().containsAll(flags)
                && info.length() >= minLength
                && info.length() <= maxLength
                && (range.isEmpty() || fits(info, range.get()));
    }

    /** An operation on a whole zone is at the zone's first sector. */
    private static boolean fits(RequestInfo info, Range range) {
        return switch (info.operation()) {
            case FLUSH -> false;
            case ZONE_RESET_ALL -> true;
            case ZONE_REPORT, ZONE_OPEN, ZONE_CLOSE, ZONE_FINISH, ZONE_RESET, ZONE_APPEND ->
                range.offset() <= info.offset() && info.offset() < range.end();
            default -> info.offset() < range.end() && range.offset() < info.end();
        };
    }

    private Match with(Consumer<Values> change) {
        Values values = new Values(this);
        change.accept(values);
        return values.match();
    }

    /** The values of a match, of which one is about to change. */
    private static final class Values {
        Set<Operation> operations;
        Optional<Range> range;
        Set<RequestFlag> flags;
        long minLength;
        long maxLength;
        long after;
        OptionalLong times;
        double probability;
        Optional<String> sinceMark;
        Optional<String> untilMark;
        long fromFlushEpoch;
        Optional<String> file;

        Values(Match match) {
            operations = match.operations;
            range = match.range;
            flags = match.flags;
            minLength = match.minLength;
            maxLength = match.maxLength;
            after = match.after;
            times = match.times;
            probability = match.probability;
            sinceMark = match.sinceMark;
            untilMark = match.untilMark;
            fromFlushEpoch = match.fromFlushEpoch;
            file = match.file;
        }

        Match match() {
            return new Match(
                    operations,
                    range,
                    flags,
                    minLength,
                    maxLength,
                    after,
                    times,
                    probability,
                    sinceMark,
                    untilMark,
                    fromFlushEpoch,
                    file);
        }
    }

    /** Returns this match for other operations. */
    public Match withOperations(Set<Operation> value) {
        return with(values -> values.operations = value);
    }

    /** Returns this match for this range only. */
    public Match withRange(Range value) {
        return with(values -> values.range = Optional.of(value));
    }

    /** Returns this match for sectors {@code first} to {@code last} only, of 512 bytes, both included. */
    public Match withSectors(long first, long last) {
        if (first < 0 || last < first || last >= Long.MAX_VALUE / SECTOR) {
            throw new IllegalArgumentException("sectors are " + first + " to " + last
                    + ". Allowed: from 0, the last one (which is included) not before the first.");
        }
        return withRange(new Range(first * SECTOR, (last - first + 1) * SECTOR));
    }

    /** Returns this match for requests with all of these flags only. */
    public Match withFlags(Set<RequestFlag> value) {
        return with(values -> values.flags = value);
    }

    /** Returns this match for requests of {@code min} to {@code max} bytes only. */
    public Match withLength(long min, long max) {
        return with(values -> {
            values.minLength = min;
            values.maxLength = max;
        });
    }

    /** Returns this match, skipping this many requests first. */
    public Match withAfter(long value) {
        return with(values -> values.after = value);
    }

    /** Returns this match, limited to this many requests. */
    public Match withTimes(long value) {
        return with(values -> values.times = OptionalLong.of(value));
    }

    /** Returns this match with this probability. */
    public Match withProbability(double value) {
        return with(values -> values.probability = value);
    }

    /** Returns this match, starting at this mark. */
    public Match withSinceMark(String value) {
        return with(values -> values.sinceMark = Optional.of(value));
    }

    /** Returns this match, ending at this mark. */
    public Match withUntilMark(String value) {
        return with(values -> values.untilMark = Optional.of(value));
    }

    /** Returns this match, starting after this many successful flushes. */
    public Match withFromFlushEpoch(long value) {
        return with(values -> values.fromFlushEpoch = value);
    }

    /** Returns this match for requests on this file only, see {@link FaultBuilder#file(String)}. */
    public Match withFile(String value) {
        return with(values -> values.file = Optional.of(value));
    }

    /** Returns a text such as {@code WRITE, sectors 8-15, with FUA, after 2 requests, at most 1 time}. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        text.append(isAny() ? "any" : operations.stream().map(Enum::name).collect(Collectors.joining(" or ")));
        range.ifPresent(r -> text.append(", ").append(r));
        file.ifPresent(path -> text.append(", file ").append(path));
        if (!flags.isEmpty()) {
            text.append(", with ").append(flags.stream().map(Enum::name).collect(Collectors.joining(" and ")));
        }
        if (minLength > 0 && maxLength < Long.MAX_VALUE) {
            text.append(", of ")
                    .append(minLength)
                    .append(" to ")
                    .append(maxLength)
                    .append(" bytes");
        } else if (minLength > 0) {
            text.append(", of at least ").append(Durations.count(minLength, "byte"));
        } else if (maxLength < Long.MAX_VALUE) {
            text.append(", of at most ").append(Durations.count(maxLength, "byte"));
        }
        sinceMark.ifPresent(mark -> text.append(", since mark \"").append(mark).append('"'));
        untilMark.ifPresent(mark -> text.append(", until mark \"").append(mark).append('"'));
        if (fromFlushEpoch > 0) {
            text.append(", from flush epoch ").append(fromFlushEpoch);
        }
        if (after > 0) {
            text.append(", after ").append(Durations.count(after, "request"));
        }
        times.ifPresent(k -> text.append(", at most ").append(Durations.count(k, "time")));
        if (probability < 1) {
            text.append(", with probability ").append(probability);
        }
        return text.toString();
    }

    private static boolean isAny(Set<Operation> operations) {
        return operations.size() == Operation.values().length;
    }

    private static <E extends Enum<E>> Set<E> sorted(Class<E> type, Set<E> values) {
        EnumSet<E> copy = EnumSet.noneOf(type);
        copy.addAll(new TreeSet<>(values));
        return Collections.unmodifiableSet(copy);
    }

    private static void check(boolean good, String what, Object value, String allowed) {
        if (!good) {
            throw new IllegalArgumentException(what + " is " + value + ". Allowed: " + allowed + ".");
        }
    }
}
