// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.internal.kernel.NativeMemory;
import java.util.ArrayDeque;

/**
 * Buffers for the data of requests; their sizes are powers of two. The garbage collector frees them, so a handler that uses
 * a buffer too late corrupts data but never crashes the JVM. A device with a user's handler has its own pool, so that such a
 * handler cannot corrupt another device's data. All other devices share the pool of the {@link Dispatcher}.
 */
final class BufferPool {
    private static final int SMALLEST = 12; // log2 of 4096
    private static final int LARGEST = 24; // log2 of DBLOCK_MAX_IO
    /** The log2 of the smallest buffer that is its own mapping, whose pages can be freed at once. */
    private static final int MAPPED = 17;

    private final long limit;
    /** The unused buffers by the log2 of their size, from {@link #SMALLEST} on. An element may be null. */
    @SuppressWarnings({"unchecked", "rawtypes"})
    private final ArrayDeque<NativeMemory>[] free = new ArrayDeque[LARGEST - SMALLEST + 1];
    /** Likewise, the unused mappings that have no pages. */
    @SuppressWarnings({"unchecked", "rawtypes"})
    private final ArrayDeque<NativeMemory>[] trimmed = new ArrayDeque[LARGEST - SMALLEST + 1];

    private long kept;

    /** Creates a pool that keeps unused buffers of at most {@code limit} bytes in all, with or without their pages. */
    BufferPool(long limit) {
        this.limit = limit;
    }

    private static int log(long size) {
        return Math.max(SMALLEST, Long.SIZE - Long.numberOfLeadingZeros(size - 1));
    }

    /** Returns a buffer of at least {@code size} bytes, with any content. All its pages are present. */
    NativeMemory take(int size) {
        int log = log(size);
        NativeMemory buffer;
        synchronized (this) {
            buffer = poll(free, log);
            if (buffer != null) {
                return buffer;
            }
            buffer = poll(trimmed, log);
        }
        if (log < MAPPED) {
            return NativeMemory.allocate(1 << log);
        }
        if (buffer == null) {
            buffer = NativeMemory.allocateMapped(1 << log);
        }
        // A missing page would have to be allocated while a request is served, when memory may be short.
        buffer.zero(0, buffer.size());
        return buffer;
    }

    /**
     * Returns a buffer of at least {@code size} bytes, with any content, for a caller that will hardly use it: pages may be
     * missing, and come when they are used. {@link #releaseReserved} takes it back.
     */
    NativeMemory reserve(int size) {
        int log = log(size);
        if (log < MAPPED) {
            return take(size);
        }
        NativeMemory buffer;
        synchronized (this) {
            buffer = poll(trimmed, log);
        }
        return buffer != null ? buffer : NativeMemory.allocateMapped(1 << log);
    }

    private NativeMemory poll(ArrayDeque<NativeMemory>[] buffers, int log) {
        ArrayDeque<NativeMemory> ofThisSize = buffers[log - SMALLEST];
        NativeMemory buffer = ofThisSize == null ? null : ofThisSize.poll();
        if (buffer != null) {
            kept -= buffer.size();
        }
        return buffer;
    }

    /** Takes back a buffer that {@link #take} has returned. */
    void release(NativeMemory buffer) {
        if (!keep(free, buffer) && log(buffer.size()) >= MAPPED) {
            // It may take long until the garbage collector frees the buffer.
            buffer.giveBack();
        }
    }

    /** Takes back a buffer that {@link #reserve} has returned. */
    void releaseReserved(NativeMemory buffer) {
        if (log(buffer.size()) < MAPPED) {
            release(buffer);
            return;
        }
        buffer.giveBack();
        keep(trimmed, buffer);
    }

    private synchronized boolean keep(ArrayDeque<NativeMemory>[] buffers, NativeMemory buffer) {
        if (kept + buffer.size() > limit) {
            return false;
        }
        int i = log(buffer.size()) - SMALLEST;
        if (buffers[i] == null) {
            buffers[i] = new ArrayDeque<>(1);
        }
        buffers[i].push(buffer);
        kept += buffer.size();
        return true;
    }

    /** Frees the memory of all unused buffers: mappings lose their pages now, and the garbage collector frees the others. */
    synchronized void trim() {
        for (int i = 0; i < free.length; i++) {
            if (free[i] == null) {
                continue;
            }
            if (i + SMALLEST < MAPPED) {
                free[i].forEach(buffer -> kept -= buffer.size());
            } else {
                free[i].forEach(NativeMemory::giveBack);
                if (trimmed[i] == null) {
                    trimmed[i] = new ArrayDeque<>(1);
                }
                trimmed[i].addAll(free[i]);
            }
            free[i] = null;
        }
    }
}
