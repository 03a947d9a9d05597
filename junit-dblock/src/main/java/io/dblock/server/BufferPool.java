// SPDX-License-Identifier: Apache-2.0
package io.dblock.server;

import io.dblock.kernel.NativeMemory;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * Buffers for the data of requests that outlive the call that brought them. Their memory is freed by the garbage
 * collector, so a handler that touches a buffer too late spoils data but never crashes the JVM.
 */
final class BufferPool {
    private static final int SMALLEST = 12; // log2 of 4096
    private static final int LARGEST = 24; // log2 of DBLOCK_MAX_IO
    private static final long KEPT = 64L << 20;

    private final List<ArrayDeque<NativeMemory>> free = new ArrayList<>();
    private long kept;

    BufferPool() {
        for (int i = SMALLEST; i <= LARGEST; i++) {
            free.add(new ArrayDeque<>());
        }
    }

    /** A buffer of at least this size, with anything in it. */
    NativeMemory take(int size) {
        int log = Math.max(SMALLEST, Integer.SIZE - Integer.numberOfLeadingZeros(size - 1));
        synchronized (this) {
            NativeMemory buffer = free.get(log - SMALLEST).poll();
            if (buffer != null) {
                kept -= buffer.size();
                return buffer;
            }
        }
        return NativeMemory.allocate(1 << log);
    }

    synchronized void release(NativeMemory buffer) {
        if (kept + buffer.size() <= KEPT) {
            kept += buffer.size();
            free.get(Long.numberOfTrailingZeros(buffer.size()) - SMALLEST).push(buffer);
        }
    }
}
