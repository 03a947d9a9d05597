// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.internal.kernel.NativeMemory;
import java.util.ArrayDeque;

/**
 * Buffers for the data of requests, of sizes that are powers of two. Their memory is freed by the garbage collector, so a
 * handler that touches a buffer too late spoils data but never crashes the JVM. So that it spoils nobody else's, a device
 * with a handler of the user's has a pool of its own; all others of a JVM share one.
 */
final class BufferPool {
    private static final int SMALLEST = 12; // log2 of 4096
    private static final int LARGEST = 24; // log2 of DBLOCK_MAX_IO
    /** From here on a mapping of its own costs less than zeroing. */
    private static final int MAPPED = 17;

    private final long limit;
    /** By size; null as long as there was none. */
    @SuppressWarnings({"unchecked", "rawtypes"})
    private final ArrayDeque<NativeMemory>[] free = new ArrayDeque[LARGEST - SMALLEST + 1];
    /** The same of those whose pages have been given back. */
    @SuppressWarnings({"unchecked", "rawtypes"})
    private final ArrayDeque<NativeMemory>[] trimmed = new ArrayDeque[LARGEST - SMALLEST + 1];

    private long kept;

    /** Keeps at most so many bytes that nobody uses. */
    BufferPool(long limit) {
        this.limit = limit;
    }

    private static int log(long size) {
        return Math.max(SMALLEST, Long.SIZE - Long.numberOfLeadingZeros(size - 1));
    }

    /** A buffer of at least this size, with anything in it. Its pages are there. */
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
        // A page that is missing would have to be found on the way of a request, when memory may be short.
        buffer.zero(0, buffer.size());
        return buffer;
    }

    private NativeMemory poll(ArrayDeque<NativeMemory>[] buffers, int log) {
        ArrayDeque<NativeMemory> ofThisSize = buffers[log - SMALLEST];
        NativeMemory buffer = ofThisSize == null ? null : ofThisSize.poll();
        if (buffer != null) {
            kept -= buffer.size();
        }
        return buffer;
    }

    void release(NativeMemory buffer) {
        int log = log(buffer.size());
        synchronized (this) {
            if (kept + buffer.size() <= limit) {
                if (free[log - SMALLEST] == null) {
                    free[log - SMALLEST] = new ArrayDeque<>(1);
                }
                free[log - SMALLEST].push(buffer);
                kept += buffer.size();
                return;
            }
        }
        if (log >= MAPPED) {
            // It may take long until the collector frees it.
            buffer.giveBack();
        }
    }

    /** Gives back the memory of all that nobody uses. */
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
