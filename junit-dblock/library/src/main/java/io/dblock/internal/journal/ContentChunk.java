// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.journal;

import io.dblock.internal.kernel.NativeMemory;
import java.nio.ByteBuffer;

/** A piece of the memory in which a journal keeps data. What is in it up to {@link #used()} stays as it is. */
public final class ContentChunk {
    private static final int OFFSET_BITS = 32;

    private final long number;
    private final NativeMemory memory;

    // Guarded by the ring.
    int parts;
    boolean lent;
    boolean dropped;
    /** Changed by its borrower only, while it has one. */
    private int used;

    ContentChunk(long number, NativeMemory memory) {
        this.number = number;
        this.memory = memory;
    }

    /** All of it. */
    public NativeMemory memory() {
        return memory;
    }

    /** How much of it has data, in bytes: what is behind them is free. */
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

    /** These bytes of it are data from now on; returns their position. */
    long keep(int index, int length) {
        used = Math.max(used, index + length);
        parts++;
        return number << OFFSET_BITS | index;
    }

    /** The number of the chunk in which the data at a position are. */
    static long number(long position) {
        return position >>> OFFSET_BITS;
    }

    /** Where in its chunk they begin. */
    static int index(long position) {
        return (int) position;
    }
}
