// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import io.dblock.handler.Errno;
import io.dblock.internal.journal.JournalRing;
import io.dblock.internal.kernel.Batch;
import java.nio.ByteBuffer;
import java.util.List;

/** Records requests as a server does, for tests of code that reads a journal. */
public final class Recording {
    private static final int BLOCK = 512;

    public final JournalRing ring;
    public final Journal journal;

    public Recording() {
        this(1 << 16, 1 << 20, BLOCK);
    }

    public Recording(int capacity, long size, int logicalBlockSize) {
        ring = new JournalRing(capacity);
        journal = new Journal(ring, () -> size, logicalBlockSize);
    }

    /** A write of sectors, each byte {@code value}, that is under way. */
    public long beginWrite(long first, int sectors, int value, int flags) {
        long write = begin(Batch.OP_WRITE, first, sectors, flags);
        ByteBuffer data = ByteBuffer.allocate(sectors * BLOCK);
        for (int i = 0; i < data.capacity(); i++) {
            data.put(i, (byte) value);
        }
        ring.data(write, data, 0, data.capacity());
        return write;
    }

    public long begin(int operation, long first, long sectors, int flags) {
        return ring.begin(System.nanoTime(), operation, flags, first * BLOCK, sectors * BLOCK, 0);
    }

    public long beginFlush() {
        return begin(Batch.OP_FLUSH, 0, 0, 0);
    }

    public void end(long sequence) {
        ring.end(sequence, System.nanoTime(), 0, List.of());
    }

    public void fail(long sequence, Errno errno, String... rules) {
        ring.end(sequence, System.nanoTime(), errno.number(), List.of(rules));
    }

    public void write(long first, int sectors, int value) {
        end(beginWrite(first, sectors, value, 0));
    }

    public void writeFua(long first, int sectors, int value) {
        end(beginWrite(first, sectors, value, Batch.REQ_FUA));
    }

    public void read(long first, int sectors) {
        end(begin(Batch.OP_READ, first, sectors, 0));
    }

    public void discard(long first, long sectors) {
        end(begin(Batch.OP_DISCARD, first, sectors, 0));
    }

    public void zero(long first, long sectors) {
        end(begin(Batch.OP_WRITE_ZEROES, first, sectors, 0));
    }

    public void flush() {
        end(beginFlush());
    }
}
