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
 * Which of the writes in a disk's volatile cache survive a power cut. Discards and write-zeroes count as writes.
 * Survivors are applied in the order in which they entered the cache.
 *
 * <p>A correct disk may show any of these choices. Until a flush covers cached writes, it may make them durable in any
 * order, and any logical blocks of each. Only a logical block is atomic.
 *
 * @param choice how the survivors are chosen
 * @param count how many requests, for {@link Choice#PREFIX}; 0 otherwise
 * @param probability the probability of each request to survive, from 0 to 1, for {@link Choice#RANDOM}; 0 otherwise
 * @param sequences the numbers of the requests in the journal, ascending, for {@link Choice#LIST}; empty otherwise
 * @param tearing which survivors lose some of their logical blocks
 * @param seed the seed of all random choices. If something is random and there is no seed, the device derives one from
 *     its own; the {@link CutReport} has it
 * @param emptyAllowed whether there may be nothing to choose from. Otherwise a test fails if its cuts and snapshots
 *     were to choose survivors and never found an unflushed write to choose from
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

    /** Only what a flush or FUA has made durable. */
    public static final Survivors NONE = of(Choice.NONE, 0, 0, List.of());

    /** All cached writes. */
    public static final Survivors ALL = of(Choice.ALL, 0, 0, List.of());

    /** How survivors are chosen. */
    public enum Choice {
        /** No write survives. */
        NONE,
        /** All writes survive. */
        ALL,
        /** The first writes survive. */
        PREFIX,
        /** Each write survives or not, at random. */
        RANDOM,
        /** The writes with the given numbers survive. */
        LIST
    }

    /**
     * Which survivors are torn. Of a torn write of several logical blocks, some blocks survive, chosen at random: at
     * least one and not all. A write of a single block cannot be torn and survives whole.
     */
    public enum Tearing {
        /** No survivor. */
        NONE,
        /** The last survivor that has several logical blocks. */
        LAST,
        /** Every survivor. */
        EACH
    }

    /** Checks the values, and that those not used by this choice are absent. */
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

    /** Of the requests still in the cache, the first {@code requests} to enter it survive. */
    public static Survivors prefix(long requests) {
        return of(Choice.PREFIX, requests, 0, List.of());
    }

    /** Each request survives with probability 1/2, by a seed derived from the device's. */
    public static Survivors random() {
        return of(Choice.RANDOM, 0, 0.5, List.of());
    }

    /** Each request survives with probability 1/2, by this seed. */
    public static Survivors random(long seed) {
        return random().withSeed(seed);
    }

    /** Each request survives with this probability, from 0 to 1, by this seed. */
    public static Survivors random(long seed, double probability) {
        return of(Choice.RANDOM, 0, probability, List.of()).withSeed(seed);
    }

    /**
     * The requests with these numbers in the journal survive. {@code disk.unflushed()} has those in the
     * cache. If a number is not in the cache at the power cut, that is an error, and nothing is cut.
     */
    public static Survivors of(long... sequences) {
        return of(Arrays.stream(sequences).boxed().toList());
    }

    /** The requests with these numbers in the journal survive, see {@link #of(long...)}. */
    public static Survivors of(List<Long> sequences) {
        return of(Choice.LIST, 0, 0, sequences);
    }

    /** Returns these survivors, each torn at logical blocks. */
    public Survivors torn() {
        return torn(Tearing.EACH);
    }

    /** Returns these survivors, with those chosen by {@code which} torn at logical blocks. */
    public Survivors torn(Tearing which) {
        return new Survivors(choice, count, probability, sequences, which, seed, emptyAllowed);
    }

    /** Returns these survivors with the given seed. */
    public Survivors withSeed(long newSeed) {
        return new Survivors(choice, count, probability, sequences, tearing, OptionalLong.of(newSeed), emptyAllowed);
    }

    /** Returns these survivors, and allows that there is never anything to choose from. */
    public Survivors lenient() {
        return new Survivors(choice, count, probability, sequences, tearing, seed, true);
    }

    /**
     * Returns whether survivors are chosen among the unflushed writes and their blocks, so that the cut shows something
     * only if there are any.
     */
    public boolean isChoice() {
        return switch (choice) {
            case NONE -> false;
            case ALL -> tearing != Tearing.NONE;
            case PREFIX, RANDOM, LIST -> true;
        };
    }

    /** Returns these survivors, with the given seed if they need one and have none. */
    public Survivors orSeed(long otherSeed) {
        return needsSeed() ? withSeed(otherSeed) : this;
    }

    /** Returns whether something is random and there is no seed. */
    public boolean needsSeed() {
        return seed.isEmpty() && (choice == Choice.RANDOM || tearing != Tearing.NONE);
    }

    /** Returns one readable line. */
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
                // Nothing to add.
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
