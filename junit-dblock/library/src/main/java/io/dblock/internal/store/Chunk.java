// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.internal.kernel.NativeMemory;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicInteger;

/** A piece of the memory of a {@link BlockLog}, which says who may do what with it. */
public final class Chunk {
    /** In bytes. */
    public static final int SIZE = 8 << 20;

    /** In blocks. */
    static final int BLOCKS = SIZE / BlockLog.BLOCK;

    final BlockLog log;
    final int number;
    final NativeMemory memory;
    /** One for each block that something names, and one as long as the chunk is open. */
    final AtomicInteger references = new AtomicInteger(1);
    /** How many of the references are those of journals, which cannot be moved. */
    final AtomicInteger recorded = new AtomicInteger();

    private final ByteBuffer buffer;
    /** Up to where its pages are there, or come one by one. */
    private int present;
    // Of who has taken the chunk; handed on with the lock of the log.
    private int used;

    // Guarded by the log.
    boolean open = true;
    boolean retired;
    long retiredAt;
    /** Where the compactor has moved each block to; null if it does not empty this chunk. */
    volatile long[] moved;

    Chunk(BlockLog log, int number, BlockLog.Spare spare) {
        this.log = log;
        this.number = number;
        memory = spare.memory();
        buffer = memory.buffer();
        present = spare.present();
    }

    /** Returns the memory of the chunk. Only who has taken it writes there, and only behind {@link #used()}. */
    public NativeMemory memory() {
        return memory;
    }

    /** Returns the memory of the chunk as a buffer; its position and limit have no meaning. */
    public ByteBuffer buffer() {
        return buffer;
    }

    /** Returns how many bytes have data. */
    public int used() {
        return used;
    }

    /** Returns how many bytes are free. */
    public int room() {
        return SIZE - used;
    }

    /** Returns the place of the block at this index, in bytes. */
    long place(int index) {
        return ((long) number << BlockLog.CHUNK_SHIFT) + index / BlockLog.BLOCK;
    }

    /**
     * Makes everything up to this index data, which does not change any longer. Only who has taken the chunk may, but if
     * it is data already, anybody.
     */
    public void use(int end) {
        int least = BlockLog.blocks(end) * BlockLog.BLOCK;
        if (used < least) {
            used = least;
        }
    }

    /** Copies data into the chunk; returns the index at which it is. */
    public int put(ByteBuffer source, int start, int length) {
        int index = used;
        touch(length);
        buffer.put(index, source, start, length);
        use(index + length);
        return index;
    }

    /** Gets the pages of the next bytes together. In User Mode Linux, each one alone would cost as much. */
    public void touch(int length) {
        if (present < Math.min(used + length, SIZE)) {
            int end = Math.min((used + length + BlockLog.TOGETHER - 1) / BlockLog.TOGETHER * BlockLog.TOGETHER, SIZE);
            memory.populate(present, end - present);
            present = end;
        }
    }

    /** Returns its memory for another chunk. Nobody may look at this one any longer. */
    BlockLog.Spare spare() {
        return new BlockLog.Spare(memory, present);
    }

    /** Keeps data of this many bytes for a journal, until {@link #forget}. */
    public void record(int length) {
        recorded.addAndGet(BlockLog.blocks(length));
        references.addAndGet(BlockLog.blocks(length));
    }

    /** Ends {@link #record}. */
    public void forget(int length) {
        recorded.addAndGet(-BlockLog.blocks(length));
        release(BlockLog.blocks(length));
    }

    /** Adds a reference, unless there is none. */
    boolean retain() {
        return references.getAndUpdate(count -> count == 0 ? 0 : count + 1) > 0;
    }

    void release(int count) {
        if (references.addAndGet(-count) == 0) {
            log.retire(this);
        }
    }
}
