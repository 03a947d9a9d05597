// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.internal.kernel.Batch;
import java.nio.ByteBuffer;

/** Serves a queue from a write cache over a store that is not contiguous in memory. It fetches one request at a time. */
final class StoreWorker extends Worker {

    StoreWorker(DeviceParts parts, int queue) {
        super(parts, queue, 1, parts.kernel().maxIo());
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
                ByteBuffer dst = fetched.buffer().slice(0, (int) length);
                cache.read(offset, dst, position());
                data = fetched.address();
                noteRead(sequence, data, length);
            }
            case Batch.OP_WRITE -> {
                ByteBuffer src = data().slice(indexOf(i), (int) length).asReadOnlyBuffer();
                ticket = cache.write(offset, src, (flags & Batch.REQ_FUA) != 0, sequence, fetchedAt(), position());
            }
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
