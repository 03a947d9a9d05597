// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.NativeMemory;
import io.dblock.internal.store.Parts;
import io.dblock.internal.store.ZonedStore;
import java.io.IOException;
import java.nio.ByteBuffer;

/** Serves a queue from a zoned store: in batches. */
final class ZonedWorker extends LogWorker {
    private static final int BUFFER = 1 << 20;
    private static final int SECTOR = 512;

    private final ZonedStore store;

    ZonedWorker(DeviceParts parts, int queue, ZonedStore store) {
        super(
                parts,
                queue,
                Math.min(BatchPool.CAPACITY, parts.kernel().depth()),
                Math.max(BUFFER, parts.kernel().maxIo()),
                store.memory());
        this.store = store;
    }

    @Override
    void handle(int i, long sequence) throws Exception {
        long offset = batch.offset(i);
        long length = batch.length(i);
        long data = 0;
        switch (batch.operation(i)) {
            case Batch.OP_READ -> {
                answerRead(i, sequence);
                answered(sequence, 0, null);
                return;
            }
            case Batch.OP_WRITE -> {
                if (intake() == null) {
                    store.write(offset, data().slice(indexOf(i), (int) length));
                } else {
                    store.write(intake(), indexOf(i), offset, (int) length);
                }
            }
            case Batch.OP_FLUSH -> {
                // There is no write cache: written data is already in the store.
            }
            case Batch.OP_ZONE_APPEND -> {
                long at = intake() == null
                        ? store.append(offset, data().slice(indexOf(i), (int) length))
                        : store.append(intake(), indexOf(i), offset, (int) length);
                noteAppend(sequence, at);
                data = at / SECTOR;
            }
            case Batch.OP_ZONE_REPORT -> data = report(offset, (int) length);
            case Batch.OP_ZONE_OPEN -> store.open(offset);
            case Batch.OP_ZONE_CLOSE -> store.close(offset);
            case Batch.OP_ZONE_FINISH -> store.finish(offset);
            case Batch.OP_ZONE_RESET -> store.reset(offset);
            case Batch.OP_ZONE_RESET_ALL -> store.resetAll();
            default ->
                throw new BlockIOException(Errno.EOPNOTSUPP, "A zoned device has neither discard nor write-zeroes");
        }
        batch.answer(batch.cookie(i), data, length);
        answered(sequence, 0, null);
    }

    @Override
    boolean isImmediate() {
        return true;
    }

    @Override
    boolean locate(long offset, long length, Parts parts) {
        return store.locate(offset, length, parts);
    }

    @Override
    void read(long offset, ByteBuffer dst) throws IOException {
        store.read(offset, dst);
    }

    private long report(long offset, int length) {
        NativeMemory memory = buffers.take(length);
        memory.zero(0, length);
        store.report(offset, memory.buffer().slice(0, length));
        releaseWhenTaken(memory);
        return memory.address();
    }
}
