// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.internal.kernel.Batch;
import io.dblock.internal.store.Parts;
import io.dblock.internal.store.WriteCache;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Serves a queue from a write cache: in batches if its data is in memory. Otherwise it fetches one request at a time, so
 * that no answer waits until another request is handled.
 */
final class StoreWorker extends LogWorker {
    private static final int BUFFER = 1 << 20;

    StoreWorker(DeviceParts parts, int queue) {
        this(parts, queue, parts.filters().cache());
    }

    private StoreWorker(DeviceParts parts, int queue, WriteCache cache) {
        super(
                parts,
                queue,
                cache.isInMemory() ? Math.min(BatchPool.CAPACITY, parts.kernel().depth()) : 1,
                Math.max(cache.isInMemory() ? BUFFER : 0, parts.kernel().maxIo()),
                cache.memory());
    }

    @Override
    void handle(int i, long sequence) throws Exception {
        long offset = batch.offset(i);
        long length = batch.length(i);
        int flags = batch.flags(i);
        long ticket = 0;
        switch (batch.operation(i)) {
            case Batch.OP_READ -> {
                answerRead(i, sequence);
                answered(sequence, 0, null);
                return;
            }
            case Batch.OP_WRITE -> ticket = write(i, offset, (int) length, (flags & Batch.REQ_FUA) != 0, sequence);
            case Batch.OP_FLUSH -> cache.flush(position());
            case Batch.OP_DISCARD -> ticket = cache.discard(offset, length, sequence, fetchedAt(), position());
            case Batch.OP_WRITE_ZEROES ->
                ticket = cache.writeZeroes(
                        offset, length, (flags & Batch.REQ_NOUNMAP) == 0, sequence, fetchedAt(), position());
            default -> operation(batch.operation(i));
        }
        batch.answer(batch.cookie(i), 0, length);
        answered(sequence, ticket, null);
    }

    @Override
    boolean isImmediate() {
        return cache.isInMemory();
    }

    private long write(int i, long offset, int length, boolean fua, long sequence) throws IOException {
        return intake() == null
                ? cache.writeFrom(data(), indexOf(i), offset, length, fua, sequence, fetchedAt(), position())
                : cache.write(intake(), indexOf(i), offset, length, fua, sequence, fetchedAt(), position());
    }

    @Override
    boolean locate(long offset, long length, Parts parts) throws IOException {
        return cache.locate(offset, length, position(), parts);
    }

    @Override
    void read(long offset, ByteBuffer dst) throws IOException {
        cache.read(offset, dst, position());
    }
}
