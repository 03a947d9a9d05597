// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * A part of a disk, in memory, by chunks: a chunk is either all here or not at all. Costs what is here and is not zeros.
 *
 * <p>A chunk that is here stays. So any thread may look at those at any time, while whoever adds some excludes others who do.
 */
public final class Overlay implements AutoCloseable {
    /** Bytes; the last chunk ends with the disk. */
    static final int CHUNK = 4096;

    private final MemoryStore memory;
    private volatile SparseBitmap present;

    /** One of a disk of {@code size} bytes, with nothing in it. */
    public Overlay(long size) {
        memory = new MemoryStore(size, true);
        present = new SparseBitmap(chunks(size));
    }

    private static long chunks(long bytes) {
        return (bytes + CHUNK - 1) / CHUNK;
    }

    /** The data of the chunks that are here. */
    public MemoryStore memory() {
        return memory;
    }

    /** Changes its size. What is beyond a smaller one is lost. Nobody may add anything meanwhile. */
    void resize(long size) {
        memory.checkSize(size);
        SparseBitmap fitting = present.resized(chunks(size));
        memory.resize(size);
        present = fitting;
    }

    /** Whether this byte is here. One beyond the end is not. */
    public boolean has(long offset) {
        return offset < memory.size() && present.get(offset / CHUNK);
    }

    /** Whether all of a range is here. */
    public boolean hasAll(long offset, long length) {
        long end = chunks(offset + length);
        return present.nextClear(offset / CHUNK, end) == end;
    }

    /** Where the run of bytes ends that are here as the one at {@code from} is, or that are not as it is not. */
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

    /** Copies the chunks that a range touches and that are not here from the same place of {@code source}. */
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

    /** The chunks that a range touches are here now: {@link #memory()} has been given their data. */
    void add(long offset, long length) {
        present.set(offset / CHUNK, chunks(offset + length));
    }

    /** Takes over, from an overlay of the same disk, the chunks that are not here. The disk may have changed its size. */
    public void addMissing(Overlay other) throws IOException {
        long last = chunks(Math.min(memory.size(), other.memory.size()));
        long chunk = other.present.nextSet(0, last);
        while (chunk < last) {
            long runEnd = other.present.nextClear(chunk, last);
            copyMissing(other.memory, chunk * CHUNK, Math.min(runEnd * CHUNK, memory.size()) - chunk * CHUNK);
            chunk = other.present.nextSet(runEnd, last);
        }
    }

    /** Fills {@code dst} from here, and with what is not here from {@code other}. */
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

    /** {@link Source#findData} of this over {@code other}. */
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

    /** {@link Source#findHole} of this over {@code other}. */
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
