// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Numbered bits, all clear at first, in two levels: a stretch of bits that are all clear, or all set, takes no memory.
 *
 * <p>Safe for use by several threads. No concurrent change to other bits is lost. If changes overlap, each bit ends as
 * one of them leaves it.
 */
final class SparseBitmap {
    private static final int LEAF_SHIFT = 15;
    private static final int LEAF_BITS = 1 << LEAF_SHIFT;
    private static final int WORDS = LEAF_BITS / Long.SIZE;
    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);
    /** Represents a leaf with all bits set. Never written to. */
    private static final long[] FULL = new long[WORDS];

    static {
        Arrays.fill(FULL, -1L);
    }

    private final long bits;
    /** Null: all clear. Replaced only with the lock held; the words of an unshared leaf change atomically. */
    private final AtomicReferenceArray<long[]> leaves;

    SparseBitmap(long bits) {
        this.bits = bits;
        leaves = new AtomicReferenceArray<>(Math.toIntExact((bits + LEAF_BITS - 1) >>> LEAF_SHIFT));
    }

    /** Returns a bitmap of {@code count} bits that has the bits set here. Nobody may change this bitmap meanwhile. */
    SparseBitmap resized(long count) {
        SparseBitmap result = new SparseBitmap(count);
        long end = Math.min(bits, count);
        long from = nextSet(0, end);
        while (from < end) {
            long to = nextClear(from, end);
            result.set(from, to);
            from = nextSet(to, end);
        }
        return result;
    }

    boolean get(long bit) {
        long[] leaf = leaves.get((int) (bit >>> LEAF_SHIFT));
        return leaf != null && (word(leaf, bit) & 1L << bit) != 0;
    }

    private static long word(long[] leaf, long bit) {
        return (long) WORD.getVolatile(leaf, (int) (bit >>> 6) & WORDS - 1);
    }

    /** Sets the bits from {@code from} to before {@code to}. */
    void set(long from, long to) {
        if (to - from == 1 && get(from)) {
            return;
        }
        change(from, to, true);
    }

    /** Clears the bits from {@code from} to before {@code to}. */
    void clear(long from, long to) {
        change(from, to, false);
    }

    private void change(long from, long to, boolean value) {
        long at = from;
        while (at < to) {
            int index = (int) (at >>> LEAF_SHIFT);
            long end = Math.min(Math.min((long) (index + 1) << LEAF_SHIFT, bits), to);
            long[] leaf = leaves.get(index);
            if (leaf != (value ? FULL : null)) {
                boolean whole = at == (long) index << LEAF_SHIFT && end == Math.min(at + LEAF_BITS, bits);
                if (whole) {
                    replace(index, value ? FULL : null);
                } else {
                    changeWords(leaf == null || leaf == FULL ? ownLeaf(index) : leaf, at, end, value);
                }
            }
            at = end;
        }
    }

    private static void changeWords(long[] leaf, long from, long to, boolean value) {
        long at = from;
        while (at < to) {
            long end = Math.min((at | 63) + 1, to);
            long mask = -1L >>> (64 - (end - at)) << at;
            int word = (int) (at >>> 6) & WORDS - 1;
            if (value) {
                WORD.getAndBitwiseOr(leaf, word, mask);
            } else {
                WORD.getAndBitwiseAnd(leaf, word, ~mask);
            }
            at = end;
        }
    }

    private synchronized void replace(int index, long[] leaf) {
        leaves.set(index, leaf);
    }

    private synchronized long[] ownLeaf(int index) {
        long[] leaf = leaves.get(index);
        if (leaf == null || leaf == FULL) {
            leaf = leaf == null ? new long[WORDS] : FULL.clone();
            leaves.set(index, leaf);
        }
        return leaf;
    }

    /** Returns the first set bit from {@code from} on; {@code to} if there is none before it. */
    long nextSet(long from, long to) {
        return next(from, to, true);
    }

    /** Returns the first clear bit from {@code from} on; {@code to} if there is none before it. */
    long nextClear(long from, long to) {
        return next(from, to, false);
    }

    private long next(long from, long to, boolean value) {
        long at = from;
        while (at < to) {
            long[] leaf = leaves.get((int) (at >>> LEAF_SHIFT));
            if (leaf == (value ? null : FULL)) {
                at = (at | LEAF_BITS - 1) + 1;
            } else if (leaf == (value ? FULL : null)) {
                return at;
            } else {
                long word = (value ? word(leaf, at) : ~word(leaf, at)) >>> at;
                if (word != 0) {
                    return Math.min(at + Long.numberOfTrailingZeros(word), to);
                }
                at = (at | 63) + 1;
            }
        }
        return to;
    }
}
