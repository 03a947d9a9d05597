// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

import io.dblock.kernel.NativeMemory;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Set;

/**
 * Keeps a device's data in memory outside the heap. Costs what is written to it: a discarded or zeroed range gives its
 * whole pages back. Flushes have nothing to do.
 *
 * <p>Safe for use by several threads; overlapping accesses at the same time have no order. {@link #close()} must not
 * overlap with any other call.
 */
public final class MemoryStore implements DirectStore {
    private final NativeMemory memory;
    private volatile boolean closed;

    /** A store of {@code size} zero bytes. */
    public MemoryStore(long size) {
        if (size <= 0) {
            throw new IllegalArgumentException("size is " + size + ". Allowed: at least 1 byte.");
        }
        memory = NativeMemory.map(size);
    }

    /** Its size in bytes. */
    public long size() {
        return memory.size();
    }

    @Override
    public long address(long offset, long length) {
        checkOpen();
        memory.checkRange(offset, length);
        return memory.address() + offset;
    }

    @Override
    public void writeFrom(long address, long offset, long length) {
        checkOpen();
        memory.copyFrom(address, offset, length);
    }

    @Override
    public void read(long offset, ByteBuffer dst) {
        checkOpen();
        dst.put(memory.view(offset, dst.remaining()));
    }

    @Override
    public void write(long offset, ByteBuffer src, WriteFlags flags) {
        checkOpen();
        memory.view(offset, src.remaining()).put(src);
    }

    @Override
    public void flush() {
        checkOpen();
    }

    @Override
    public void discard(long offset, long length) {
        checkOpen();
        memory.release(offset, length);
    }

    @Override
    public void writeZeroes(long offset, long length, boolean mayUnmap) {
        checkOpen();
        if (mayUnmap) {
            memory.release(offset, length);
        } else {
            memory.zero(offset, length);
        }
    }

    @Override
    public Set<Operation> supports() {
        return EnumSet.allOf(Operation.class);
    }

    /** Frees the memory. */
    @Override
    public void close() {
        closed = true;
        memory.close();
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("This store is closed.");
        }
    }
}
