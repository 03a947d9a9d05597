// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.handler.Operation;
import io.dblock.handler.WriteFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Set;

/** A store that fails when it is told to. */
final class FailingStore implements Store {
    private final Store store;
    volatile boolean failsReads;
    volatile boolean failsWrites;
    volatile boolean failsFlushes;

    FailingStore(Store store) {
        this.store = store;
    }

    private static void check(boolean fails) throws IOException {
        if (fails) {
            throw new IOException("told to fail");
        }
    }

    @Override
    public long size() {
        return store.size();
    }

    @Override
    public void read(long offset, ByteBuffer dst) throws IOException {
        check(failsReads);
        store.read(offset, dst);
    }

    @Override
    public long findData(long from, long end) throws IOException {
        return store.findData(from, end);
    }

    @Override
    public long findHole(long from, long end) throws IOException {
        return store.findHole(from, end);
    }

    /** Fails half-way. */
    @Override
    public void write(long offset, ByteBuffer src, WriteFlags flags) throws IOException {
        if (failsWrites) {
            store.write(offset, src.duplicate().limit(src.position() + src.remaining() / 2), flags);
        }
        check(failsWrites);
        store.write(offset, src, flags);
    }

    @Override
    public void flush() throws IOException {
        check(failsFlushes);
        store.flush();
    }

    @Override
    public void discard(long offset, long length) throws IOException {
        check(failsWrites);
        store.discard(offset, length);
    }

    @Override
    public void writeZeroes(long offset, long length, boolean mayUnmap) throws IOException {
        check(failsWrites);
        store.writeZeroes(offset, length, mayUnmap);
    }

    @Override
    public void resize(long bytes) throws IOException {
        check(failsWrites);
        store.resize(bytes);
    }

    @Override
    public Set<Operation> supports() {
        return store.supports();
    }

    @Override
    public void close() throws IOException {
        store.close();
    }
}
