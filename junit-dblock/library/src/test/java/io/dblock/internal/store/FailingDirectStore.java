// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.handler.Operation;
import io.dblock.handler.WriteFlags;
import java.nio.ByteBuffer;
import java.util.Set;

/** A store in memory that has written and then runs out of memory, when it is told to. */
final class FailingDirectStore implements DirectStore {
    private final MemoryStore store;
    volatile boolean fails;

    FailingDirectStore(MemoryStore store) {
        this.store = store;
    }

    @Override
    public void writeFrom(ByteBuffer source, int index, long offset, int length) {
        store.writeFrom(source, index, offset, length);
        if (fails) {
            throw new OutOfMemoryError("told to fail");
        }
    }

    @Override
    public long size() {
        return store.size();
    }

    @Override
    public long address(long offset, long length) {
        return store.address(offset, length);
    }

    @Override
    public void read(long offset, ByteBuffer dst) {
        store.read(offset, dst);
    }

    @Override
    public long findData(long from, long end) {
        return store.findData(from, end);
    }

    @Override
    public long findHole(long from, long end) {
        return store.findHole(from, end);
    }

    @Override
    public void write(long offset, ByteBuffer src, WriteFlags flags) {
        store.write(offset, src, flags);
    }

    @Override
    public void flush() {
        store.flush();
    }

    @Override
    public void discard(long offset, long length) {
        store.discard(offset, length);
    }

    @Override
    public void writeZeroes(long offset, long length, boolean mayUnmap) {
        store.writeZeroes(offset, length, mayUnmap);
    }

    @Override
    public void resize(long bytes) {
        store.resize(bytes);
    }

    @Override
    public Set<Operation> supports() {
        return store.supports();
    }

    @Override
    public void close() {
        store.close();
    }
}
