// SPDX-License-Identifier: Apache-2.0
package io.dblock.filter;

import io.dblock.journal.ContentHash;
import io.dblock.kernel.NativeMemory;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.OptionalLong;

/**
 * The data last put into it, in memory outside the heap, of which it takes what it needs up to a limit. Data are named by
 * the position that {@link #put} has returned. The memory is freed by the garbage collector, so that a journal can be read
 * after its device was closed. Safe for use by several threads.
 */
final class ContentRing {
    private static final int CHUNK = 1 << 20;
    private static final int OFFSET_BITS = 32;
    private static final long OFFSET = (1L << OFFSET_BITS) - 1;

    /** Made when it is needed first. */
    private ContentHash hash;

    private final ArrayDeque<Chunk> chunks = new ArrayDeque<>();
    private long firstChunk;
    private long bytes;
    private long limit;
    private long dropped;

    private static final class Chunk {
        final NativeMemory memory;
        final ByteBuffer view;
        int used;
        int parts;

        Chunk(int size) {
            memory = NativeMemory.allocateMapped(size);
            view = memory.buffer();
        }
    }

    /** Keeps at most {@code limit} bytes, and at least the data last put into it. */
    ContentRing(long limit) {
        this.limit = limit;
    }

    /** Copies {@code length} bytes of {@code source} from index {@code start} on; returns their position. */
    synchronized long put(ByteBuffer source, int start, int length) {
        Chunk chunk = room(length);
        chunk.view.put(chunk.used, source, start, length);
        return added(chunk, length);
    }

    /** The same from an address. */
    synchronized long put(long address, int length) {
        Chunk chunk = room(length);
        chunk.memory.copyFrom(address, chunk.used, length);
        return added(chunk, length);
    }

    private long added(Chunk chunk, int length) {
        long position = ((firstChunk + chunks.size() - 1) << OFFSET_BITS) | chunk.used;
        chunk.used += length;
        chunk.parts++;
        return position;
    }

    /** The newest chunk, with room for this. */
    private Chunk room(int length) {
        Chunk newest = chunks.peekLast();
        if (newest != null && newest.used + length <= newest.view.capacity()) {
            return newest;
        }
        int size = Math.max(CHUNK, length);
        Chunk next = null;
        while (!chunks.isEmpty() && bytes + size > limit) {
            Chunk oldest = dropOldest();
            if (oldest.view.capacity() == size) {
                next = oldest;
                next.used = 0;
                next.parts = 0;
            }
        }
        if (next == null) {
            next = new Chunk(size);
        }
        chunks.addLast(next);
        bytes += size;
        return next;
    }

    private Chunk dropOldest() {
        Chunk oldest = chunks.removeFirst();
        firstChunk++;
        bytes -= oldest.view.capacity();
        dropped += oldest.parts;
        return oldest;
    }

    synchronized void limit(long maxBytes) {
        limit = maxBytes;
        while (chunks.size() > 1 && bytes > limit) {
            dropOldest();
        }
    }

    /** How many parts have been dropped. */
    synchronized long dropped() {
        return dropped;
    }

    /** Whether the data at this position are still there. */
    synchronized boolean has(long position) {
        return position >>> OFFSET_BITS >= firstChunk;
    }

    /** A copy of the data at this position; null if they are gone. */
    synchronized byte[] get(long position, int length) {
        if (!has(position)) {
            return null;
        }
        byte[] copy = new byte[length];
        chunk(position).view.get((int) (position & OFFSET), copy);
        return copy;
    }

    /** The hash of the data at this position, which must be there. */
    synchronized long hash(long position, int length) {
        return hasher().hash(chunk(position).view, (int) (position & OFFSET), length);
    }

    /** The hash of the data at this position, if they are still there. */
    synchronized OptionalLong hashIfThere(long position, int length) {
        return has(position) ? OptionalLong.of(hash(position, length)) : OptionalLong.empty();
    }

    /** The hash of other data. */
    synchronized long hash(ByteBuffer source, int start, int length) {
        return hasher().hash(source, start, length);
    }

    private ContentHash hasher() {
        if (hash == null) {
            hash = new ContentHash();
        }
        return hash;
    }

    private Chunk chunk(long position) {
        int index = (int) ((position >>> OFFSET_BITS) - firstChunk);
        for (Chunk chunk : chunks) {
            if (index-- == 0) {
                return chunk;
            }
        }
        throw new IllegalStateException("The data at " + position + " are gone.");
    }
}
