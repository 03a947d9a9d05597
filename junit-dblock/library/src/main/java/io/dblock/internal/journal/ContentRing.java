// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.journal;

import io.dblock.internal.kernel.NativeMemory;
import io.dblock.journal.ContentHash;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.OptionalLong;

/**
 * The data last put into it, in memory outside the heap, of which it takes what it needs up to a limit. Data are named by
 * the position that {@link #put} or {@link #keep} has returned. The memory is freed by the garbage collector, so that a
 * journal can be read after its device was closed. Safe for use by several threads.
 */
final class ContentRing {
    private static final int CHUNK = 1 << 20;
    /** What is lent at a time, in bytes. */
    private static final int LENT = 4 << 20;
    /** It is lent to somebody who needs no more than this part of it at once: so much of it may stay unused. */
    private static final int LEAST_OF_LENT = 4;

    /** Made when it is needed first. */
    private ContentHash hash;

    private final ArrayDeque<ContentChunk> chunks = new ArrayDeque<>();
    private long firstChunk;
    private long bytes;
    private long limit;
    private long dropped;
    /** How many chunks are lent, also of those that were dropped meanwhile. */
    private int loans;

    /** Keeps at most {@code limit} bytes, and at least the data last put into it. */
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
     * Lends a chunk with at least {@code length} bytes behind what is {@linkplain ContentChunk#used() used} of it. The
     * borrower puts data there itself, and names them by {@link #keep}. Nobody else puts anything into it, nor is its memory
     * used for anything else, until it is given back.
     *
     * @param held what the caller has borrowed; null if nothing. It is given back if another one, or nothing, is returned
     * @return null if it does not pay: too little was put into it so far, or as much is lent as its limit allows
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

    /** Half of what it keeps may be lent: somebody else's data are not to be dropped for what nobody has put there yet. */
    private boolean mayLend(int count) {
        return 2L * count * LENT <= limit;
    }

    /** Ends a loan; null if there was none. */
    synchronized void giveBack(ContentChunk held) {
        if (held != null && held.lent) {
            held.lent = false;
            loans--;
        }
    }

    /** These bytes of a chunk that the caller has borrowed are data now; returns their position. */
    synchronized long keep(ContentChunk borrowed, int index, int length) {
        if (borrowed.dropped) {
            dropped++;
        }
        return borrowed.keep(index, length);
    }

    /** The newest chunk, with room for this. */
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

    /** How many parts have been dropped. */
    synchronized long dropped() {
        return dropped;
    }

    /** Whether the data at this position are still there. */
    synchronized boolean has(long position) {
        return ContentChunk.number(position) >= firstChunk;
    }

    /** A copy of the data at this position; null if they are gone. */
    synchronized byte[] get(long position, int length) {
        if (!has(position)) {
            return null;
        }
        byte[] copy = new byte[length];
        chunk(position).view().get(ContentChunk.index(position), copy);
        return copy;
    }

    /** The hash of the data at this position, if they are still there. */
    synchronized OptionalLong hashIfThere(long position, int length) {
        return has(position)
                ? OptionalLong.of(hash(chunk(position).view(), ContentChunk.index(position), length))
                : OptionalLong.empty();
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

    private ContentChunk chunk(long position) {
        int index = (int) (ContentChunk.number(position) - firstChunk);
        for (ContentChunk chunk : chunks) {
            if (index-- == 0) {
                return chunk;
            }
        }
        throw new IllegalStateException("The data at " + position + " are gone.");
    }
}
