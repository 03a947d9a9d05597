// SPDX-License-Identifier: Apache-2.0
package io.dblock.server;

import io.dblock.handler.DirectStore;
import io.dblock.kernel.Batch;

/** Serves a queue from a store in memory: in batches, without an object per request. */
final class DirectWorker extends Worker {
    private static final int BATCH = 64;
    private static final int BUFFER = 1 << 20;

    private final DirectStore store;

    DirectWorker(LocalDevice device, int queue, DirectStore store) {
        super(device, queue, Math.min(BATCH, device.depth()), Math.max(BUFFER, device.maxIo()));
        this.store = store;
    }

    @Override
    void handle(int i) {
        count(i);
        try {
            long offset = batch.offset(i);
            long length = batch.length(i);
            long data = 0;
            switch (batch.operation(i)) {
                case Batch.OP_READ -> data = store.address(offset, length);
                case Batch.OP_WRITE -> store.writeFrom(batch.data(i), offset, length);
                case Batch.OP_FLUSH -> store.flush();
                case Batch.OP_DISCARD -> store.discard(offset, length);
                case Batch.OP_WRITE_ZEROES ->
                    store.writeZeroes(offset, length, (batch.flags(i) & Batch.REQ_NOUNMAP) == 0);
                default -> operation(batch.operation(i));
            }
            batch.answer(batch.cookie(i), data, length);
        } catch (Throwable t) {
            failRequest(i, t);
        }
    }
}
