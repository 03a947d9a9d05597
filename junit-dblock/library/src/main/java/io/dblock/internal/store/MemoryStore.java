// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.DblockException;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.Operation;
import io.dblock.handler.WriteFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Set;

/**
 * Keeps a device's data in memory, in a {@link BlockLog}. Takes memory for written data only. A layer below, if there
 * is one, has what is not written: copy on write. It is not written to, and is closed with the last store that has it.
 *
 * <p>Safe for use by several threads; concurrent accesses that overlap have no order.
 */
public final class MemoryStore implements Store {
    /** In bytes; what is more is a mistake. */
    private static final long LARGEST = 1L << 56;

    final BlockLog log;
    final BlockIndex index;
    private volatile long size;
    private volatile boolean closed;

    /** Creates a store of {@code size} zero bytes. */
    public MemoryStore(long size) {
        this(new BlockLog(null, false), size);
    }

    /** Creates a store that reads like {@code below} and owns it from now on. */
    public MemoryStore(Source below) {
        this(new BlockLog(below, false), below.size());
    }

    MemoryStore(BlockLog log, long size) {
        this(log, new BlockIndex(log), checked(size));
    }

    private MemoryStore(BlockLog log, BlockIndex index, long size) {
        this.log = log;
        this.index = index;
        this.size = size;
        log.use();
    }

    private static long checked(long size) {
        if (size <= 0) {
            throw new IllegalArgumentException("size is " + size + ". Allowed: at least 1 byte.");
        }
        if (size > LARGEST) {
            throw new DblockException("size is " + size + ". Allowed: up to " + LARGEST + " bytes.");
        }
        return size;
    }

    /** Returns a store with this content and another size. The caller holds the lock. */
    MemoryStore with(BlockIndex content, long bytes) {
        return new MemoryStore(log, content, bytes);
    }

    @Override
    public MemoryStore inMemory() {
        return this;
    }

    @Override
    public long size() {
        return size;
    }

    private static long first(long offset) {
        return offset / BlockLog.BLOCK;
    }

    private static long last(long end) {
        return (end + BlockLog.BLOCK - 1) / BlockLog.BLOCK;
    }

    @Override
    public void resize(long bytes) throws IOException {
        log.lock.lock();
        try {
            checkOpen();
            if (bytes <= 0 || bytes > LARGEST) {
                throw new IllegalArgumentException("size is " + bytes + ". Allowed: 1 to " + LARGEST + " bytes.");
            }
            long before = size;
            size = bytes;
            if (bytes < before) {
                index.set(last(bytes), last(before), log.zeros());
            }
        } finally {
            log.lock.unlock();
        }
    }

    @Override
    public void read(long offset, ByteBuffer dst) throws IOException {
        checkRange(offset, dst.remaining());
        int reading = log.enter();
        try {
            checkOpen();
            int end = dst.limit();
            long at = offset;
            while (dst.hasRemaining()) {
                at = readRun(at, dst);
                dst.limit(end);
            }
        } finally {
            log.exit(reading);
        }
    }

    /** Reads data of one kind; returns where it ends. */
    private long readRun(long at, ByteBuffer dst) throws IOException {
        long end = at + dst.remaining();
        long place = index.get(first(at));
        long runEnd = Math.min(end, index.runEnd(first(at), last(end), place) * BlockLog.BLOCK);
        int length = (int) (runEnd - at);
        int start = dst.position();
        dst.limit(start + length);
        if (place > 0) {
            dst.put(start, log.chunk(place).buffer(), BlockLog.index(place) + (int) (at % BlockLog.BLOCK), length);
        } else if (place == BlockLog.BELOW && log.below != null && at < log.below.size()) {
            dst.limit(start + (int) Math.min(length, log.below.size() - at));
            log.below.read(at, dst);
            // If the layer below changes, its old data is put here first.
            runEnd = Math.min(at + dst.position() - start, index.runEnd(first(at), last(end), place) * BlockLog.BLOCK);
            if (index.get(first(at)) != place) {
                runEnd = at;
            }
        } else {
            zero(dst);
        }
        dst.position(start + (int) (runEnd - at));
        return runEnd;
    }

    private static void zero(ByteBuffer dst) {
        while (dst.remaining() >= Long.BYTES) {
            dst.putLong(0);
        }
        while (dst.hasRemaining()) {
            dst.put((byte) 0);
        }
    }

    /**
     * Finds a range in memory. The caller has {@linkplain BlockLog#enter entered}.
     *
     * @param found gets where its parts are
     * @return false if it is in too many parts, or in the layer below
     */
    boolean locate(long offset, long length, Parts found) {
        found.clear();
        long first = first(offset);
        long end = last(offset + length);
        boolean located = locateAll(first, end, found);
        if (found.count() >= Compactor.SCATTERED) {
            index.noteScatteredRead(first, end);
        }
        return located;
    }

    private boolean locateAll(long first, long end, Parts found) {
        long at = first;
        while (at < end) {
            long place = index.get(at);
            if (place == BlockLog.BELOW && log.below != null) {
                return false;
            }
            long runEnd = index.runEnd(at, end, place);
            if (!found.add(place > 0 ? log.address(place) : 0, (runEnd - at) * BlockLog.BLOCK)) {
                return false;
            }
            at = runEnd;
        }
        return true;
    }

    @Override
    public long findData(long from, long end) throws IOException {
        return find(from, end, true);
    }

    @Override
    public long findHole(long from, long end) throws IOException {
        return find(from, end, false);
    }

    private long find(long from, long end, boolean data) throws IOException {
        long at = from;
        while (at < end) {
            long place = index.get(first(at));
            long runEnd = Math.min(end, index.runEnd(first(at), last(end), place) * BlockLog.BLOCK);
            if (place == BlockLog.BELOW && log.below != null) {
                long last = Math.min(runEnd, log.below.size());
                long found = at >= last
                        ? data ? runEnd : at
                        : data ? log.below.findData(at, last) : log.below.findHole(at, last);
                if (found < last || (!data && found < runEnd)) {
                    return found;
                }
            } else if (place > 0 == data) {
                return at;
            }
            at = runEnd;
        }
        return end;
    }

    @Override
    public void write(long offset, ByteBuffer src, WriteFlags flags) throws BlockIOException {
        checkOpen();
        checkRange(offset, src.remaining());
        long at = offset;
        while (src.hasRemaining()) {
            int length = Math.min(src.remaining(), Chunk.SIZE);
            Chunk chunk = log.take(length);
            try {
                int index = chunk.put(src, src.position(), length);
                set(at, length, chunk.place(index));
            } finally {
                log.giveBack(chunk);
            }
            src.position(src.position() + length);
            at += length;
        }
    }

    /** Makes a range be what is from a place on. */
    void set(long offset, long length, long place) {
        log.lock.lock();
        try {
            checkOpen();
            index.set(first(offset), last(offset + length), place);
        } finally {
            log.lock.unlock();
        }
    }

    @Override
    public void flush() {
        checkOpen();
    }

    @Override
    public void discard(long offset, long length) {
        checkOpen();
        checkRange(offset, length);
        if (length > 0) {
            set(offset, length, log.zeros());
        }
    }

    @Override
    public void writeZeroes(long offset, long length, boolean mayUnmap) {
        discard(offset, length);
    }

    @Override
    public Set<Operation> supports() {
        return EnumSet.allOf(Operation.class);
    }

    /** Gives back what only this store has. Idempotent. */
    @Override
    public void close() throws IOException {
        log.lock.lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
            index.release();
        } finally {
            log.lock.unlock();
        }
        log.leave();
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("This store is closed.");
        }
    }

    void checkRange(long offset, long length) {
        if (offset < 0 || length < 0 || offset > size - length) {
            throw new IndexOutOfBoundsException("The range of " + length + " bytes at " + offset + " is not within the "
                    + size + " bytes of this store.");
        }
    }
}
