// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import com.google.errorprone.annotations.CheckReturnValue;

/**
 * Which logical blocks of a torn write reach the disk; the others keep their content. It applies to the matched part of
 * a request, if that can be torn so that at least one block is written and at least one is not.
 *
 * @param kind how the blocks are chosen
 * @param blocks how many logical blocks of a prefix or suffix are written, at least 1; 0 otherwise
 */
@CheckReturnValue
public record Tear(Kind kind, long blocks) {
    /** Writes the blocks with an even index, the first one included. */
    public static final Tear EVERY_OTHER = new Tear(Kind.EVERY_OTHER, 0);

    /** Writes a random subset: neither no block nor all. */
    public static final Tear RANDOM = new Tear(Kind.RANDOM, 0);

    /** How the blocks are chosen. */
    public enum Kind {
        /** The first blocks. */
        PREFIX,
        /** The last blocks. */
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

    /** Writes only the first {@code blocks} logical blocks. */
    public static Tear prefix(long blocks) {
        return new Tear(Kind.PREFIX, blocks);
    }

    /** Writes only the last {@code blocks} logical blocks. */
    public static Tear suffix(long blocks) {
        return new Tear(Kind.SUFFIX, blocks);
    }

    /** Returns a text such as {@code the first 2 blocks}. */
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
