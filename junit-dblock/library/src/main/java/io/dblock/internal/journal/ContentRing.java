// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.journal;

import io.dblock.internal.kernel.NativeMemory;
import io.dblock.journal.ContentHash;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.OptionalLong;

/**
 * The data last put into the ring, in memory outside the heap, which grows as needed up to a limit. Data is identified
 * by the position that {@link #put} or {@link #keep} returns. The garbage collector frees the memory, so a journal can
 * be read after its device is closed. Safe for use by several threads.
 */
final class ContentRing {
    private static final int CHUNK = 1 << 20;
    /** The size of a lent chunk in bytes. */
    private static final int LENT = 4 << 20;
    /** A chunk is lent only if at most this part of it is needed at once: that much may stay unused. */
    private static final int LEAST_OF_LENT = 4;

    /** Created on first use. */
    private ContentHash hash;

    private final ArrayDeque<ContentChunk> chunks = new ArrayDeque<>();
    private long firstChunk;
    private long bytes;
    private long limit;
    private long dropped;
    /** How many chunks are lent, including those dropped meanwhile. */
    private int loans;

    /** Creates a ring that keeps at most {@code limit} bytes, and at least the data last put into it. */
    ContentRing(long limit) {
        this.limit = limit;
    }

    /** Copies {@code length} bytes of {@code source} from index {@code start} on; returns their position. */
    synchronized long put(ByteBuffer source, int start, int length) {
        ContentChunk chunk = room(length);
        int index = chunk.used();
        chunk.view().put(index, source, start, length);
        return chunk.keep(index, length);
    }

    /**
     * Lends a chunk with at least {@code length} bytes behind its {@linkplain ContentChunk#used() used} part. The
     * borrower puts data there itself and calls {@link #keep} for it. Until the chunk is given back, nobody else puts
     * data into it, and its memory is not reused.
     *
     * @param held the chunk that the caller has borrowed; null if none. It is given back if this returns another chunk
     *     or null
     * @return null if lending does not pay (too little data was put into the ring so far), or if the limit of loans is
     *     reached
     */
    synchronized ContentChunk lend(ContentChunk held, int length) {
        boolean pays = bytes > CHUNK && length <= LENT / LEAST_OF_LENT;
        if (pays && held != null && !held.dropped && held.room() >= length && mayLend(loans)) {
            return held;
        }
        giveBack(held);
        if (!pays || !mayLend(loans + 1)) {
            return null;
        }
        ContentChunk newest = chunks.getLast();
        if (newest.lent || newest.room() < length) {
            newest = add(LENT);
        }
        newest.lent = true;
        loans++;
        return newest;
    }

    /** At most half of the ring may be lent: existing data must not be dropped for chunks that have no data yet. */
    private boolean mayLend(int count) {
        return 2L * count * LENT <= limit;
    }

    /** Ends a loan; does nothing for null. */
    synchronized void giveBack(ContentChunk held) {
        if (held != null && held.lent) {
            held.lent = false;
            loans--;
        }
    }

    /** Marks these bytes of a borrowed chunk as data; returns their position. */
    synchronized long keep(ContentChunk borrowed, int index, int length) {
        if (borrowed.dropped) {
            dropped++;
        }
        return borrowed.keep(index, length);
    }

    /** Returns the newest chunk, with room for this many bytes. */
    private ContentChunk room(int length) {
        ContentChunk newest = chunks.peekLast();
        if (newest != null && !newest.lent && length <= newest.room()) {
            return newest;
        }
        return add(Math.max(CHUNK, length));
    }

    private ContentChunk add(int size) {
        NativeMemory memory = null;
        while (!chunks.isEmpty() && bytes + size > limit) {
            ContentChunk oldest = dropOldest();
            if (oldest.size() == size && !oldest.lent) {
                memory = oldest.memory();
            }
        }
        if (memory == null) {
            memory = NativeMemory.allocateMapped(size);
        }
        ContentChunk chunk = new ContentChunk(firstChunk + chunks.size(), memory);
        chunks.addLast(chunk);
        bytes += size;
        return chunk;
    }

    private ContentChunk dropOldest() {
        ContentChunk oldest = chunks.removeFirst();
        oldest.dropped = true;
        firstChunk++;
        bytes -= oldest.size();
        dropped += oldest.parts;
        return oldest;
    }

    synchronized void limit(long maxBytes) {
        limit = maxBytes;
        while (chunks.size() > 1 && bytes > limit) {
            dropOldest();
        }
    }

    /** Returns how many pieces of data have been dropped. */
    synchronized long dropped() {
        return dropped;
    }

    /** Returns whether the data at this position is still there. */
    synchronized boolean has(long position) {
        return ContentChunk.number(position) >= firstChunk;
    }

    /** Returns a copy of the data at this position; null if it is gone. */
    synchronized byte[] get(long position, int length) {
        if (!has(position)) {
            return null;
        }
        byte[] copy = new byte[length];
        chunk(position).view().get(ContentChunk.index(position), copy);
        return copy;
    }

    /** Returns the hash of the data at this position, if it is still there. */
    synchronized OptionalLong hashIfThere(long position, int length) {
        return has(position)
                ? OptionalLong.of(hash(chunk(position).view(), ContentChunk.index(position), length))
                : OptionalLong.empty();
    }

    /** Returns the hash of other data. */
    synchronized long hash(ByteBuffer source, int start, int length) {
        return hasher().hash(source, start, length);
    }

    private ContentHash hasher() {
        if (hash == null) {
            hash = new ContentHash();
        }
        return hash;
    }

    private ContentChunk chunk(long position) {
        int index = (int) (ContentChunk.number(position) - firstChunk);
        for (ContentChunk chunk : chunks) {
            if (index-- == 0) {
                return chunk;
            }
        }
        throw new IllegalStateException("The data at " + position + " is gone.");
    }
}
