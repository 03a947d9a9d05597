// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.journal;

import io.dblock.internal.kernel.NativeMemory;
import java.nio.ByteBuffer;

/** A piece of the memory in which a journal keeps data. Its content up to {@link #used()} does not change. */
public final class ContentChunk {
    private static final int OFFSET_BITS = 32;

    private final long number;
    private final NativeMemory memory;

    // Guarded by the ring.
    int parts;
    boolean lent;
    boolean dropped;
    /** While the chunk is borrowed, only its borrower changes this. */
    private int used;

    ContentChunk(long number, NativeMemory memory) {
        this.number = number;
        this.memory = memory;
    }

    /** Returns the memory of the chunk. */
    public NativeMemory memory() {
        return memory;
    }

    /** Returns how many bytes have data; the bytes behind them are free. */
    public int used() {
        return used;
    }

    int size() {
        return (int) memory.size();
    }

    int room() {
        return size() - used;
    }

    ByteBuffer view() {
        return memory.buffer();
    }

    /** Marks these bytes as data; returns their position. */
    long keep(int index, int length) {
        used = Math.max(used, index + length);
        parts++;
        return number << OFFSET_BITS | index;
    }

    /** Returns the number of the chunk that has the data at a position. */
    static long number(long position) {
        return position >>> OFFSET_BITS;
    }

    /** Returns where in its chunk the data at a position starts. */
    static int index(long position) {
        return (int) position;
    }
}
