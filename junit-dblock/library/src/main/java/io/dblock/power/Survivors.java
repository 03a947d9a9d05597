// SPDX-License-Identifier: Apache-2.0
package io.dblock.power;

import com.google.errorprone.annotations.CheckReturnValue;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.TreeSet;

/**
 * Which of the writes in a disk's volatile cache outlive a power cut. Discards and write-zeroes count as writes. What
 * survives is applied in the order in which it went into the cache.
 *
 * <p>Any choice is one that a correct disk may show: until a flush covers them, it may make cached writes durable in any
 * order, and of each, any logical blocks. Only a logical block is atomic.
 *
 * @param choice how the survivors are chosen
 * @param count for {@link Choice#PREFIX}, how many requests; 0 otherwise
 * @param probability for {@link Choice#RANDOM}, that of each request to survive, from 0 to 1; 0 otherwise
 * @param sequences for {@link Choice#LIST}, the numbers of the requests in the journal, ascending; empty otherwise
 * @param tearing which of the survivors lose some of their logical blocks
 * @param seed of all random choices. Without one, and if something is random, the device gives one of its own seed; the
 *     {@link CutReport} has it
 * @param emptyAllowed whether it is all right if there is nothing to choose from: otherwise a test whose cuts and snapshots were to
 *     choose survivors, and never found an unflushed write to choose from, fails
 */
@CheckReturnValue
public record Survivors(
        Choice choice,
        long count,
        double probability,
        List<Long> sequences,
        Tearing tearing,
        OptionalLong seed,
        boolean emptyAllowed) {

    /** Nothing that no flush and no FUA had made durable. */
    public static final Survivors NONE = of(Choice.NONE, 0, 0, List.of());

    /** All of it. */
    public static final Survivors ALL = of(Choice.ALL, 0, 0, List.of());

    /** How survivors are chosen. */
    public enum Choice {
        /** None survives. */
        NONE,
        /** All survive. */
        ALL,
        /** The first ones survive. */
        PREFIX,
        /** Each survives or not, at random. */
        RANDOM,
        /** Those with the given numbers survive. */
        LIST
    }

    /**
     * Which survivors are torn: of a torn write of several logical blocks some survive, chosen at random, at least one and
     * not all. One of a single block cannot be torn and survives as it is.
     */
    public enum Tearing {
        /** None. */
        NONE,
        /** The last one that has several logical blocks. */
        LAST,
        /** Each. */
        EACH
    }

    /** Checks the values, and that those which play no part with this choice are absent. */
    public Survivors {
        sequences = List.copyOf(new TreeSet<>(sequences));
        if (choice == Choice.PREFIX ? count < 0 : count != 0) {
            throw new IllegalArgumentException("count is " + count + ". Allowed: "
                    + (choice == Choice.PREFIX ? "at least 0 requests." : "0; only a prefix has one."));
        }
        if (choice == Choice.RANDOM ? !(probability >= 0 && probability <= 1) : probability != 0) {
            throw new IllegalArgumentException("probability is " + probability + ". Allowed: "
                    + (choice == Choice.RANDOM ? "from 0 to 1." : "0; only a random choice has one."));
        }
        if (choice != Choice.LIST && !sequences.isEmpty()) {
            throw new IllegalArgumentException(
                    "sequences is " + sequences + ". Allowed: an empty list; only a list of survivors has some.");
        }
        if (!sequences.isEmpty() && sequences.get(0) < 1) {
            throw new IllegalArgumentException("A sequence number is " + sequences.get(0)
                    + ". Allowed: those of requests in the journal, from 1; disk.unflushed() has them.");
        }
    }

    private static Survivors of(Choice choice, long count, double probability, List<Long> sequences) {
        return new Survivors(choice, count, probability, sequences, Tearing.NONE, OptionalLong.empty(), false);
    }

    /** The first {@code requests} that went into the cache, of those still there. */
    public static Survivors prefix(long requests) {
        return of(Choice.PREFIX, requests, 0, List.of());
    }

    /** Each request with probability 1/2, by a seed of the device's. */
    public static Survivors random() {
        return of(Choice.RANDOM, 0, 0.5, List.of());
    }

    /** Each request with probability 1/2, by this seed. */
    public static Survivors random(long seed) {
        return random().withSeed(seed);
    }

    /** Each request with this probability, from 0 to 1, by this seed. */
    public static Survivors random(long seed, double probability) {
        return of(Choice.RANDOM, 0, probability, List.of()).withSeed(seed);
    }

    /**
     * The requests with these numbers in the journal; {@code disk.unflushed()} has those that are in the cache. A number
     * that is not in the cache when the power is cut is an error then, and nothing is cut.
     */
    public static Survivors of(long... sequences) {
        return of(Arrays.stream(sequences).boxed().toList());
    }

    /** The same with a list. */
    public static Survivors of(List<Long> sequences) {
        return of(Choice.LIST, 0, 0, sequences);
    }

    /** The same with each survivor torn at logical blocks. */
    public Survivors torn() {
        return torn(Tearing.EACH);
    }

    /** The same with these survivors torn at logical blocks. */
    public Survivors torn(Tearing which) {
        return new Survivors(choice, count, probability, sequences, which, seed, emptyAllowed);
    }

    /** The same with this seed. */
    public Survivors withSeed(long newSeed) {
        return new Survivors(choice, count, probability, sequences, tearing, OptionalLong.of(newSeed), emptyAllowed);
    }

    /** The same, and it is all right if there never is anything to choose from. */
    public Survivors lenient() {
        return new Survivors(choice, count, probability, sequences, tearing, seed, true);
    }

    /** Whether what survives is chosen among the unflushed writes and their blocks, so that it takes some to show anything. */
    public boolean isChoice() {
        return switch (choice) {
            case NONE -> false;
            case ALL -> tearing != Tearing.NONE;
            case PREFIX, RANDOM, LIST -> true;
        };
    }

    /** The same, with this seed if it needs one and has none. */
    public Survivors orSeed(long otherSeed) {
        return needsSeed() ? withSeed(otherSeed) : this;
    }

    /** Whether something in it is random and it has no seed. */
    public boolean needsSeed() {
        return seed.isEmpty() && (choice == Choice.RANDOM || tearing != Tearing.NONE);
    }

    /** One readable line. */
    @Override
    public String toString() {
        List<String> parts = new ArrayList<>();
        parts.add(
                switch (choice) {
                    case NONE -> "none";
                    case ALL -> "all";
                    case PREFIX -> "first " + count;
                    case RANDOM -> "random, each with probability " + String.format(Locale.ROOT, "%.3g", probability);
                    case LIST -> "requests " + sequences;
                });
        switch (tearing) {
            case NONE -> {
                // Nothing to say.
            }
            case LAST -> parts.add("last torn");
            case EACH -> parts.add("each torn");
        }
        seed.ifPresent(value -> parts.add("seed " + value));
        if (emptyAllowed) {
            parts.add("lenient");
        }
        return String.join(", ", parts);
    }
}
