// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * A part of a disk, in memory, by chunks: a chunk is either completely present or absent. Takes memory only for present
 * data that is not zeros.
 *
 * <p>A present chunk stays. So any thread may look at present chunks at any time, while only one thread at a time may
 * add some.
 */
public final class Overlay implements AutoCloseable {
    /** The size of a chunk in bytes; the last chunk ends with the disk. */
    static final int CHUNK = 4096;

    private final MemoryStore memory;
    private volatile SparseBitmap present;

    /** Creates an empty overlay of a disk of {@code size} bytes. */
    public Overlay(long size) {
        memory = new MemoryStore(size, true);
        present = new SparseBitmap(chunks(size));
    }

    private static long chunks(long bytes) {
        return (bytes + CHUNK - 1) / CHUNK;
    }

    /** Returns the data of the present chunks. */
    public MemoryStore memory() {
        return memory;
    }

    /** Changes the size. Data beyond a smaller size is lost. Nobody may add chunks meanwhile. */
    void resize(long size) {
        memory.checkSize(size);
        SparseBitmap fitting = present.resized(chunks(size));
        memory.resize(size);
        present = fitting;
    }

    /** Returns whether this byte is present. A byte beyond the end is not. */
    public boolean has(long offset) {
        return offset < memory.size() && present.get(offset / CHUNK);
    }

    /** Returns whether a whole range is present. */
    public boolean hasAll(long offset, long length) {
        long end = chunks(offset + length);
        return present.nextClear(offset / CHUNK, end) == end;
    }

    /** Returns the end of the run of bytes from {@code from} on that are all present, or all absent. */
    public long runEnd(long from, long end) {
        long last = Math.min(end, memory.size());
        if (from >= last) {
            return end;
        }
        long chunk = from / CHUNK;
        boolean here = has(from);
        long next = here ? present.nextClear(chunk, chunks(last)) : present.nextSet(chunk, chunks(last));
        long runEnd = Math.min(next * CHUNK, last);
        return runEnd == last && !here ? end : runEnd;
    }

    /** Copies the absent chunks that a range touches from the same place in {@code source}. */
    public void copyMissing(Source source, long offset, long length) throws IOException {
        long last = chunks(offset + length);
        long chunk = present.nextClear(offset / CHUNK, last);
        while (chunk < last) {
            long runEnd = present.nextSet(chunk, last);
            long end = Math.min(runEnd * CHUNK, memory.size());
            long at = source.findData(chunk * CHUNK, end);
            while (at < end) {
                long dataEnd = source.findHole(at, end);
                memory.copyFrom(source, at, dataEnd - at);
                at = source.findData(dataEnd, end);
            }
            present.set(chunk, runEnd);
            chunk = present.nextClear(runEnd, last);
        }
    }

    /** Marks the chunks that a range touches as present, after {@link #memory()} was given their data. */
    void add(long offset, long length) {
        present.set(offset / CHUNK, chunks(offset + length));
    }

    /** Takes over absent chunks from an overlay of the same disk. The disk may have changed its size. */
    public void addMissing(Overlay other) throws IOException {
        long last = chunks(Math.min(memory.size(), other.memory.size()));
        long chunk = other.present.nextSet(0, last);
        while (chunk < last) {
            long runEnd = other.present.nextClear(chunk, last);
            copyMissing(other.memory, chunk * CHUNK, Math.min(runEnd * CHUNK, memory.size()) - chunk * CHUNK);
            chunk = other.present.nextSet(runEnd, last);
        }
    }

    /** Fills {@code dst} from this overlay, and with absent data from {@code other}. */
    void read(long offset, ByteBuffer dst, Source other) throws IOException {
        long at = offset;
        long end = offset + dst.remaining();
        int limit = dst.limit();
        while (at < end) {
            boolean here = has(at);
            long runEnd = runEnd(at, end);
            dst.limit(dst.position() + (int) (runEnd - at));
            if (here) {
                memory.read(at, dst);
            } else {
                other.read(at, dst);
            }
            dst.limit(limit);
            at = runEnd;
        }
    }

    /** Like {@link Source#findData}, for this overlay over {@code other}. */
    long findData(long from, long end, Source other) throws IOException {
        long at = from;
        while (at < end) {
            long runEnd = runEnd(at, end);
            long data = has(at) ? memory.findData(at, runEnd) : other.findData(at, runEnd);
            if (data < runEnd) {
                return data;
            }
            at = runEnd;
        }
        return end;
    }

    /** Like {@link Source#findHole}, for this overlay over {@code other}. */
    long findHole(long from, long end, Source other) throws IOException {
        long at = from;
        while (at < end) {
            long runEnd = runEnd(at, end);
            long hole = has(at) ? memory.findHole(at, runEnd) : other.findHole(at, runEnd);
            if (hole < runEnd) {
                return hole;
            }
            at = runEnd;
        }
        return end;
    }

    @Override
    public void close() {
        memory.close();
    }
}
