// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.oracle.PowerDisk;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/** A write cache as the oracle sees it: what the server does for requests, without a kernel. */
final class WriteCacheDisk implements PowerDisk {
    final WriteCache cache;
    private final int block;
    private final long size;
    private long sequence;

    /** @param block the logical block, in bytes */
    WriteCacheDisk(Store store, int block) {
        this.block = block;
        size = store.size();
        cache = new WriteCache(store, block, true, evicted -> {});
    }

    @Override
    public long size() {
        return size;
    }

    @Override
    public int logicalBlock() {
        return block;
    }

    @Override
    public int longestWrite() {
        return (int) size;
    }

    @Override
    public byte[] read(long offset, int length) throws IOException {
        ByteBuffer dst = ByteBuffer.allocateDirect(length);
        cache.read(offset, dst, cache.position());
        byte[] data = new byte[length];
        dst.flip().get(data);
        return data;
    }

    long ticket(long offset, byte[] data, boolean fua) throws IOException {
        if (cache.isDirect()) {
            ByteBuffer source = ByteBuffer.allocateDirect(data.length).put(0, data);
            return cache.writeFrom(
                    source, 0, offset, data.length, fua, ++sequence, System.nanoTime(), cache.position());
        }
        return cache.write(
                offset, ByteBuffer.wrap(data).asReadOnlyBuffer(), fua, ++sequence, System.nanoTime(), cache.position());
    }

    @Override
    public void write(long offset, byte[] data, boolean fua) throws IOException {
        cache.completed(ticket(offset, data, fua));
    }

    @Override
    public void flush() throws IOException {
        cache.flush(0, cache.position());
    }

    @Override
    public void discard(long offset, long length) throws IOException {
        cache.completed(cache.discard(offset, length, ++sequence, System.nanoTime(), cache.position()));
    }

    @Override
    public void writeZeroes(long offset, long length) throws IOException {
        cache.completed(
                cache.writeZeroes(offset, length, sequence % 2 == 0, ++sequence, System.nanoTime(), cache.position()));
    }

    @Override
    public boolean canHold() {
        return true;
    }

    @Override
    public Held writeHeld(long offset, byte[] data) throws IOException {
        long ticket = ticket(offset, data, false);
        return () -> cache.completed(ticket);
    }

    @Override
    public Held flushHeld() {
        long position = cache.position();
        return () -> cache.flush(0, position);
    }

    @Override
    public void limit(long bytes) {
        cache.limit(bytes);
    }

    @Override
    public List<UnflushedWrite> unflushed() {
        return cache.unflushed();
    }

    @Override
    public CutReport cut(Survivors survivors) {
        return cache.cut(survivors);
    }

    @Override
    public void restore() throws IOException {
        cache.restore();
    }

    @Override
    public PowerImage snapshot() throws IOException {
        return image(cache.snapshot());
    }

    @Override
    public PowerImage snapshot(Survivors survivors) throws IOException {
        return image(cache.snapshot(survivors));
    }

    private PowerImage image(StoreSnapshot snapshot) {
        return new PowerImage() {
            @Override
            public byte[] read(long offset, int length) throws IOException {
                ByteBuffer dst = ByteBuffer.allocate(length);
                snapshot.read(offset, dst);
                return dst.array();
            }

            @Override
            public PowerDisk fork() {
                return new WriteCacheDisk(snapshot.fork(), block);
            }

            @Override
            public void close() throws IOException {
                snapshot.close();
            }
        };
    }

    @Override
    public void close() throws IOException {
        cache.close();
    }
}
