// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.handler.Operation;
import io.dblock.handler.WriteFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.util.EnumSet;
import java.util.Set;

/**
 * Copy on write: reads like its base, and keeps written data in memory. The base is not written to, must not change,
 * and is closed with this store.
 *
 * <p>Safe for use by several threads. Nothing may be under way when it is closed.
 */
public final class CowStore implements Store {
    private final LimitedSource base;
    private final Overlay overlay;
    /** Held while chunks are added. Accesses to chunks that are there need no lock. */
    private final Object filling = new Object();

    private volatile boolean closed;

    /** Creates a store that reads like {@code base} and owns it from now on. */
    public CowStore(Source base) {
        this.base = new LimitedSource(base);
        overlay = new Overlay(base.size());
    }

    @Override
    public long size() {
        return overlay.memory().size();
    }

    /** Changes the size of this store, but not that of the base. */
    @Override
    public void resize(long bytes) throws IOException {
        checkOpen();
        synchronized (filling) {
            overlay.resize(bytes);
            base.limit(bytes);
        }
    }

    @Override
    public void read(long offset, ByteBuffer dst) throws IOException {
        checkOpen();
        checkRange(offset, dst.remaining());
        overlay.read(offset, dst, base);
    }

    @Override
    public void write(long offset, ByteBuffer src, WriteFlags flags) throws IOException {
        checkOpen();
        int length = src.remaining();
        checkRange(offset, length);
        if (length == 0) {
            return;
        }
        if (overlay.hasAll(offset, length)) {
            overlay.memory().write(offset, src, flags);
            return;
        }
        synchronized (filling) {
            fillEdges(offset, length);
            overlay.memory().write(offset, src, flags);
            overlay.add(offset, length);
        }
    }

    /** Does nothing: this is memory. */
    @Override
    public void flush() throws IOException {
        checkOpen();
    }

    @Override
    public void discard(long offset, long length) throws IOException {
        writeZeroes(offset, length, true);
    }

    @Override
    public void writeZeroes(long offset, long length, boolean mayUnmap) throws IOException {
        checkOpen();
        checkRange(offset, length);
        if (length == 0) {
            return;
        }
        synchronized (filling) {
            fillEdges(offset, length);
            overlay.memory().writeZeroes(offset, length, mayUnmap);
            overlay.add(offset, length);
        }
    }

    /** Fills chunks that the range covers only partly with the rest of their data from the base. */
    private void fillEdges(long offset, long length) throws IOException {
        long end = offset + length;
        if (offset % Overlay.CHUNK != 0) {
            overlay.copyMissing(base, offset, 1);
        }
        if (end % Overlay.CHUNK != 0 && end != size()) {
            overlay.copyMissing(base, end, 1);
        }
    }

    @Override
    public long findData(long from, long end) throws IOException {
        checkOpen();
        return overlay.findData(from, end, base);
    }

    @Override
    public long findHole(long from, long end) throws IOException {
        checkOpen();
        return overlay.findHole(from, end, base);
    }

    @Override
    public Set<Operation> supports() {
        return EnumSet.allOf(Operation.class);
    }

    @Override
    public void close() throws IOException {
        if (!closed) {
            closed = true;
            overlay.close();
            base.close();
        }
    }

    private void checkOpen() throws IOException {
        if (closed) {
            throw new ClosedChannelException();
        }
    }

    private void checkRange(long offset, long length) {
        if (offset < 0 || length < 0 || offset > size() - length) {
            throw new IndexOutOfBoundsException("The range of " + length + " bytes at " + offset + " is not within the "
                    + size() + " bytes of this store.");
        }
    }
}
