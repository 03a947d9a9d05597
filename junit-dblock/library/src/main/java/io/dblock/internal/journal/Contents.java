// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.journal;

import io.dblock.handler.BlockIOException;
import io.dblock.internal.kernel.NativeMemory;
import io.dblock.internal.store.BlockLog;
import io.dblock.internal.store.Chunk;
import io.dblock.journal.ContentHash;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.OptionalLong;

/**
 * The data of the last requests, up to a limit: for each its place in a chunk, which stays until the data is dropped.
 * Data that is in no chunk yet is copied to one. Data is identified by a number that counts up. The garbage collector
 * frees the memory, so a journal can be read after its device is closed. Safe for use by several threads.
 */
final class Contents {
    /** Data that is in no log yet, such as that of a device with a user's handler. */
    private final BlockLog memory = new BlockLog();

    /** Created on first use. */
    private ContentHash hash;

    // A ring; the data with a number is at the number modulo the length, a power of two.
    private Chunk[] chunks = new Chunk[64];
    private ByteBuffer[] buffers = new ByteBuffer[64];
    private int[] starts = new int[64];
    private int[] lengths = new int[64];

    private long first;
    private long next;
    private long bytes;
    private long limit;

    /** Creates a journal's contents of at most {@code limit} bytes, and at least the data last put into it. */
    Contents(long limit) {
        this.limit = limit;
        memory.use();
    }

    /** Returns the memory to put data into that is to be {@linkplain #keep kept} and has no other place. */
    BlockLog memory() {
        return memory;
    }

    /** Copies {@code length} bytes of {@code source} from index {@code start} on; returns their number. */
    long put(ByteBuffer source, int start, int length) {
        if (length > Chunk.SIZE) {
            ByteBuffer own = NativeMemory.allocateMapped(length).buffer();
            own.put(0, source, start, length);
            return add(null, own, 0, length);
        }
        Chunk chunk = null;
        try {
            chunk = memory.take(length);
            return keep(chunk, chunk.put(source, start, length), length);
        } catch (BlockIOException e) {
            throw new UncheckedIOException(e);
        } finally {
            memory.giveBack(chunk);
        }
    }

    /** Keeps these bytes of a chunk that the caller has taken; returns their number. */
    long keep(Chunk chunk, int start, int length) {
        chunk.use(start + length);
        chunk.record(length);
        return add(chunk, chunk.buffer(), start, length);
    }

    private synchronized long add(Chunk chunk, ByteBuffer buffer, int start, int length) {
        if (next - first == chunks.length) {
            grow();
        }
        int at = at(next);
        chunks[at] = chunk;
        buffers[at] = buffer;
        starts[at] = start;
        lengths[at] = length;
        bytes += length;
        next++;
        dropBeyondLimit();
        return next - 1;
    }

    private int at(long number) {
        return (int) number & chunks.length - 1;
    }

    private void grow() {
        int before = chunks.length;
        chunks = Arrays.copyOf(chunks, 2 * before);
        buffers = Arrays.copyOf(buffers, 2 * before);
        starts = Arrays.copyOf(starts, 2 * before);
        lengths = Arrays.copyOf(lengths, 2 * before);
        for (long number = first; number < next; number++) {
            int from = (int) number & before - 1;
            int to = at(number);
            chunks[to] = chunks[from];
            buffers[to] = buffers[from];
            starts[to] = starts[from];
            lengths[to] = lengths[from];
        }
    }

    private void dropBeyondLimit() {
        while (next - first > 1 && bytes > limit) {
            int at = at(first++);
            bytes -= lengths[at];
            if (chunks[at] != null) {
                chunks[at].forget(lengths[at]);
            }
            chunks[at] = null;
            buffers[at] = null;
        }
    }

    synchronized void limit(long maxBytes) {
        limit = maxBytes;
        dropBeyondLimit();
    }

    /** Returns how many pieces of data have been dropped. */
    synchronized long dropped() {
        return first;
    }

    /** Returns a copy of the data with this number; null if it is gone. */
    synchronized byte[] get(long number) {
        if (number < first) {
            return null;
        }
        byte[] copy = new byte[lengths[at(number)]];
        buffers[at(number)].get(starts[at(number)], copy);
        return copy;
    }

    /** Returns the hash of the data with this number, if it is still there. */
    synchronized OptionalLong hashIfThere(long number) {
        int at = at(number);
        return number < first ? OptionalLong.empty() : OptionalLong.of(hash(buffers[at], starts[at], lengths[at]));
    }

    /** Returns the hash of other data. */
    synchronized long hash(ByteBuffer source, int start, int length) {
        if (hash == null) {
            hash = new ContentHash();
        }
        return hash.hash(source, start, length);
    }
}
