// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import com.google.errorprone.annotations.CheckReturnValue;

/**
 * Which logical blocks of a torn write reach the disk; the others keep their content. Of a request it concerns the part
 * that the rule matches, and only parts of which at least one block is written and at least one is not.
 *
 * @param kind how they are chosen
 * @param blocks of a prefix or suffix, how many logical blocks are written, at least 1; 0 otherwise
 */
@CheckReturnValue
public record Tear(Kind kind, long blocks) {
    /** The blocks with even index, the first one included, are written. */
    public static final Tear EVERY_OTHER = new Tear(Kind.EVERY_OTHER, 0);

    /** A random subset is written, neither none nor all. */
    public static final Tear RANDOM = new Tear(Kind.RANDOM, 0);

    /** How the blocks are chosen. */
    public enum Kind {
        /** The first ones. */
        PREFIX,
        /** The last ones. */
        SUFFIX,
        /** The first, the third, and so on. */
        EVERY_OTHER,
        /** At random. */
        RANDOM
    }

    /** Checks the number of blocks. */
    public Tear {
        boolean counted = kind == Kind.PREFIX || kind == Kind.SUFFIX;
        if (counted ? blocks < 1 : blocks != 0) {
            throw new IllegalArgumentException("blocks is " + blocks + ". Allowed for a tear of kind " + kind + ": "
                    + (counted ? "at least 1; to write none of them, use lose()." : "0."));
        }
    }

    /** Only the first {@code blocks} logical blocks are written. */
    public static Tear prefix(long blocks) {
        return new Tear(Kind.PREFIX, blocks);
    }

    /** Only the last {@code blocks} logical blocks are written. */
    public static Tear suffix(long blocks) {
        return new Tear(Kind.SUFFIX, blocks);
    }

    /** Such as {@code the first 2 blocks}. */
    @Override
    public String toString() {
        return switch (kind) {
            case PREFIX -> "the first " + Durations.count(blocks, "block");
            case SUFFIX -> "the last " + Durations.count(blocks, "block");
            case EVERY_OTHER -> "every other block";
            case RANDOM -> "a random subset of the blocks";
        };
    }
}
