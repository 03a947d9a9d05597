// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.internal.kernel.Batch;

/** Serves a queue from a write cache over a store that is contiguous in memory: in batches, reads without a copy. */
final class DirectWorker extends Worker {
    private static final int BUFFER = 1 << 20;

    DirectWorker(DeviceParts parts, int queue) {
        super(
                parts,
                queue,
                Math.min(BatchPool.CAPACITY, parts.kernel().depth()),
                Math.max(BUFFER, parts.kernel().maxIo()));
    }

    @Override
    void handle(int i, long sequence) throws Exception {
        long offset = batch.offset(i);
        long length = batch.length(i);
        int flags = batch.flags(i);
        long data = 0;
        long ticket = 0;
        switch (batch.operation(i)) {
            case Batch.OP_READ -> {
                data = cache.address(offset, length, position());
                noteRead(sequence, data, length);
            }
            case Batch.OP_WRITE ->
                ticket = cache.writeFrom(
                        data(),
                        indexOf(i),
                        offset,
                        (int) length,
                        (flags & Batch.REQ_FUA) != 0,
                        sequence,
                        fetchedAt(),
                        position());
            case Batch.OP_FLUSH -> cache.flush(position());
            case Batch.OP_DISCARD -> ticket = cache.discard(offset, length, sequence, fetchedAt(), position());
            case Batch.OP_WRITE_ZEROES ->
                ticket = cache.writeZeroes(
                        offset, length, (flags & Batch.REQ_NOUNMAP) == 0, sequence, fetchedAt(), position());
            default -> operation(batch.operation(i));
        }
        batch.answer(batch.cookie(i), data, length);
        answered(sequence, ticket, null);
    }
}
