// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import com.google.errorprone.annotations.CheckReturnValue;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestInfo;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Which requests a rule concerns, which part of them, and when. {@link FaultBuilder} has a method for each, where they
 * are described.
 *
 * @param operations what they do; all of them if any may be
 * @param range the bytes concerned; empty for all. A flush has none and is not matched by a rule with a range
 * @param flags flags they have, all of these
 * @param minLength how long the request is at least, in bytes
 * @param maxLength how long it is at most, in bytes
 * @param after how many matching requests are let by first
 * @param times how many requests are acted on at most; empty for as many as its action acts on by itself
 * @param probability that a matching request is acted on, 0 to 1
 * @param sinceMark only when the journal has this mark
 * @param untilMark only as long as the journal lacks this mark
 * @param fromFlushEpoch only when this many flushes have succeeded
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
        long fromFlushEpoch) {

    /** The bytes of a sector: the kernel's unit, whatever the logical block. */
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
            0);

    /**
     * A range of a device.
     *
     * @param offset bytes, a multiple of 512
     * @param length bytes, a positive multiple of 512
     */
    public record Range(long offset, long length) {
        /** Checks that it is of sectors. */
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

        /** One after the last byte. */
        public long end() {
            return offset + length;
        }

        /** As the sectors it has, such as {@code 8-15}. */
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
     * @throws IllegalArgumentException with the value and what is allowed
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
        check(minLength >= 0, "minLength", minLength, "0 bytes or more");
        check(maxLength >= minLength, "maxLength", maxLength, "at least minLength (" + minLength + " bytes)");
        check(after >= 0, "after", after, "0 or more requests");
        times.ifPresent(k -> check(k >= 1, "times", k, "at least 1 request"));
        check(probability > 0 && probability <= 1, "probability", probability, "above 0, up to 1");
        check(sinceMark.isEmpty() || !sinceMark.get().isBlank(), "sinceMark", "blank", "the text of a mark");
        check(untilMark.isEmpty() || !untilMark.get().isBlank(), "untilMark", "blank", "the text of a mark");
        check(fromFlushEpoch >= 0, "fromFlushEpoch", fromFlushEpoch, "0 or more flushes");
    }

    /** All requests with any of these operations, at least one. */
    public static Match on(Operation... operations) {
        EnumSet<Operation> set = EnumSet.noneOf(Operation.class);
        set.addAll(java.util.List.of(operations));
        return ANY.withOperations(set);
    }

    /** All requests. */
    public static Match any() {
        return ANY;
    }

    /** Whether any operation will do. */
    public boolean isAny() {
        return isAny(operations);
    }

    /**
     * Whether what a request says of itself fits: operation, flags, length, and whether it has sectors in the range. Not
     * the marks, the flush epoch, and what is counted or drawn.
     */
    public boolean fits(RequestInfo info) {
        return operations.contains(info.operation())
                && info.flags().containsAll(flags)
                && info.length() >= minLength
                && info.length() <= maxLength
                && (range.isEmpty() || fits(info, range.get()));
    }

    /** What is about a zone as a whole is at the zone's first sector. */
    private static boolean fits(RequestInfo info, Range range) {
        return switch (info.operation()) {
            case FLUSH -> false;
            case ZONE_RESET_ALL -> true;
            case ZONE_REPORT, ZONE_OPEN, ZONE_CLOSE, ZONE_FINISH, ZONE_RESET, ZONE_APPEND ->
                range.offset() <= info.offset() && info.offset() < range.end();
            default -> info.offset() < range.end() && range.offset() < info.end();
        };
    }

    /** With other operations. */
    public Match withOperations(Set<Operation> value) {
        return new Match(
                value,
                range,
                flags,
                minLength,
                maxLength,
                after,
                times,
                probability,
                sinceMark,
                untilMark,
                fromFlushEpoch);
    }

    /** Only this range. */
    public Match withRange(Range value) {
        return new Match(
                operations,
                Optional.of(value),
                flags,
                minLength,
                maxLength,
                after,
                times,
                probability,
                sinceMark,
                untilMark,
                fromFlushEpoch);
    }

    /** Only sectors {@code first} to {@code last}, of 512 bytes, both included. */
    public Match withSectors(long first, long last) {
        if (first < 0 || last < first || last >= Long.MAX_VALUE / SECTOR) {
            throw new IllegalArgumentException("sectors are " + first + " to " + last
                    + ". Allowed: from 0, the last one (which is included) not before the first.");
        }
        return withRange(new Range(first * SECTOR, (last - first + 1) * SECTOR));
    }

    /** Only requests with all of these flags. */
    public Match withFlags(Set<RequestFlag> value) {
        return new Match(
                operations,
                range,
                value,
                minLength,
                maxLength,
                after,
                times,
                probability,
                sinceMark,
                untilMark,
                fromFlushEpoch);
    }

    /** Only requests of {@code min} to {@code max} bytes. */
    public Match withLength(long min, long max) {
        return new Match(
                operations, range, flags, min, max, after, times, probability, sinceMark, untilMark, fromFlushEpoch);
    }

    /** Letting by this many requests first. */
    public Match withAfter(long value) {
        return new Match(
                operations,
                range,
                flags,
                minLength,
                maxLength,
                value,
                times,
                probability,
                sinceMark,
                untilMark,
                fromFlushEpoch);
    }

    /** Acting on at most this many requests. */
    public Match withTimes(long value) {
        return new Match(
                operations,
                range,
                flags,
                minLength,
                maxLength,
                after,
                OptionalLong.of(value),
                probability,
                sinceMark,
                untilMark,
                fromFlushEpoch);
    }

    /** With this probability. */
    public Match withProbability(double value) {
        return new Match(
                operations,
                range,
                flags,
                minLength,
                maxLength,
                after,
                times,
                value,
                sinceMark,
                untilMark,
                fromFlushEpoch);
    }

    /** Only from this mark on. */
    public Match withSinceMark(String value) {
        return new Match(
                operations,
                range,
                flags,
                minLength,
                maxLength,
                after,
                times,
                probability,
                Optional.of(value),
                untilMark,
                fromFlushEpoch);
    }

    /** Only until this mark. */
    public Match withUntilMark(String value) {
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
                Optional.of(value),
                fromFlushEpoch);
    }

    /** Only after this many successful flushes. */
    public Match withFromFlushEpoch(long value) {
        return new Match(
                operations, range, flags, minLength, maxLength, after, times, probability, sinceMark, untilMark, value);
    }

    /** Such as {@code WRITE, sectors 8-15, with FUA, after 2 requests, at most 1 time}. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        text.append(isAny() ? "any" : operations.stream().map(Enum::name).collect(Collectors.joining(" or ")));
        range.ifPresent(r -> text.append(", ").append(r));
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
