// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.internal.kernel.NativeMemory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Memory outside the heap for data that comes and goes roughly in the order of a queue. It is allocated from big
 * chunks, one after the other. A chunk is reused once nothing in it is needed. Not thread-safe.
 */
final class Arena implements AutoCloseable {
    private static final int SHIFT = 20;
    /** The size of a chunk in bytes, and the most that one call allocates. */
    static final int CHUNK = 1 << SHIFT;
    /** How many unused chunks are kept for later. */
    private static final int KEPT = 32;

    private final List<NativeMemory> chunks = new ArrayList<>();
    private final List<ByteBuffer> buffers = new ArrayList<>();
    /** How many pieces of each chunk are still needed. */
    private int[] needed = new int[16];
    /** Unused chunks with memory, the last used one on top: its pages are in the processor's caches. */
    private int[] free = new int[16];

    private int freeCount;
    /** The numbers of chunks without memory. */
    private int[] empty = new int[16];

    private int emptyCount;
    private int current = -1;
    private int used;
    private int granted;

    /**
     * Allocates up to {@code wanted} bytes, at least one; {@link #granted()} tells how many. If all requested sizes are
     * multiples of a power of two, so are the granted ones.
     *
     * @return a reference, at least 0; add an index to it for a reference to that byte
     */
    long allocate(long wanted) {
        if (current < 0 || used == CHUNK) {
            next();
        }
        granted = (int) Math.min(wanted, CHUNK - used);
        long reference = ((long) current << SHIFT) + used;
        used += granted;
        needed[current]++;
        return reference;
    }

    /** Returns how many bytes the last call has allocated. */
    int granted() {
        return granted;
    }

    /** Releases the memory that was allocated with this reference. */
    void release(long reference) {
        int chunk = (int) (reference >>> SHIFT);
        if (--needed[chunk] > 0) {
            return;
        }
        if (chunk == current) {
            used = 0;
        } else {
            recycle(chunk);
        }
    }

    /** Returns the buffer that a reference points into, at {@link #index(long)}. */
    ByteBuffer buffer(long reference) {
        return buffers.get((int) (reference >>> SHIFT));
    }

    /** Returns where in its buffer a reference points to. */
    static int index(long reference) {
        return (int) reference & CHUNK - 1;
    }

    /** Returns {@code length} bytes from a reference on. */
    ByteBuffer slice(long reference, int length) {
        return buffer(reference).slice(index(reference), length);
    }

    /** Returns the memory in use, in bytes. */
    long inUse() {
        boolean currentIsUnused = current >= 0 && used == 0;
        return (long) (chunks.size() - emptyCount - freeCount - (currentIsUnused ? 1 : 0)) << SHIFT;
    }

    private void next() {
        if (freeCount > 0) {
            current = free[--freeCount];
        } else if (emptyCount > 0) {
            current = empty[--emptyCount];
            map(current);
        } else {
            current = chunks.size();
            chunks.add(null);
            buffers.add(null);
            needed = grown(needed, current);
            map(current);
        }
        used = 0;
    }

    private void map(int chunk) {
        NativeMemory memory = NativeMemory.map(CHUNK);
        chunks.set(chunk, memory);
        buffers.set(chunk, memory.view(0, CHUNK));
    }

    private void recycle(int chunk) {
        if (freeCount < KEPT) {
            free = grown(free, freeCount);
            free[freeCount++] = chunk;
            return;
        }
        chunks.get(chunk).close();
        chunks.set(chunk, null);
        buffers.set(chunk, null);
        empty = grown(empty, emptyCount);
        empty[emptyCount++] = chunk;
    }

    private static int[] grown(int[] array, int index) {
        return index < array.length ? array : Arrays.copyOf(array, 2 * array.length);
    }

    /** Frees the memory. */
    @Override
    public void close() {
        for (NativeMemory chunk : chunks) {
            if (chunk != null) {
                chunk.close();
            }
        }
        chunks.clear();
        buffers.clear();
        freeCount = 0;
        emptyCount = 0;
        current = -1;
    }
}
