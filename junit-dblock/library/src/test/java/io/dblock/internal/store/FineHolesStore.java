// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.handler.Operation;
import io.dblock.handler.WriteFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Set;

/**
 * A store that knows holes of 1 KiB, as an image file on a filesystem with blocks of 1 KiB does: a block of this size that is
 * all zeros is a hole.
 */
public final class FineHolesStore implements Store {
    /** The size of the least hole, in bytes. */
    static final int GRAIN = 1024;

    private final MemoryStore data;

    /** A store of {@code size} zero bytes. */
    public FineHolesStore(long size) {
        data = new MemoryStore(size);
    }

    @Override
    public long size() {
        return data.size();
    }

    @Override
    public void read(long offset, ByteBuffer dst) throws IOException {
        data.read(offset, dst);
    }

    @Override
    public long findData(long from, long end) throws IOException {
        return find(from, end, true);
    }

    @Override
    public long findHole(long from, long end) throws IOException {
        return find(from, end, false);
    }

    private long find(long from, long end, boolean wantsData) throws IOException {
        for (long at = from; at < end; at = (at / GRAIN + 1) * GRAIN) {
            if (hasData(at / GRAIN * GRAIN) == wantsData) {
                return at;
            }
        }
        return end;
    }

    private boolean hasData(long block) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate((int) Math.min(GRAIN, size() - block));
        data.read(block, bytes);
        return bytes.flip().mismatch(ByteBuffer.allocate(bytes.remaining())) >= 0;
    }

    @Override
    public void write(long offset, ByteBuffer src, WriteFlags flags) throws IOException {
        data.write(offset, src, flags);
    }

    @Override
    public void flush() {
        data.flush();
    }

    @Override
    public void discard(long offset, long length) {
        data.discard(offset, length);
    }

    @Override
    public void writeZeroes(long offset, long length, boolean mayUnmap) {
        data.writeZeroes(offset, length, mayUnmap);
    }

    @Override
    public void resize(long bytes) throws IOException {
        data.resize(bytes);
    }

    @Override
    public Set<Operation> supports() {
        return data.supports();
    }

    @Override
    public void close() throws IOException {
        data.close();
    }
}
