// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.BlockHandler;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.WriteFlags;
import io.dblock.internal.kernel.Batch;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Serves a queue by calls to a user's {@link BlockHandler}. It fetches one request at a time, so that no answer waits until
 * another request is handled.
 */
final class BlockingWorker extends Worker {
    private final BlockHandler handler;

    BlockingWorker(DeviceParts parts, int queue, BlockHandler handler) {
        super(parts, queue, 1, parts.kernel().maxIo(), parts.filters().journal().memory());
        this.handler = handler;
    }

    @Override
    void handle(int i, long sequence) throws IOException {
        long data = call(i);
        if (data != 0) {
            noteRead(sequence, data, batch.length(i));
        }
        batch.answer(batch.cookie(i), data, batch.length(i));
        answered(sequence, 0, null);
    }

    @Override
    boolean isImmediate() {
        return false;
    }

    private long call(int i) throws IOException {
        long offset = batch.offset(i);
        long length = batch.length(i);
        int flags = batch.flags(i);
        switch (operation(batch.operation(i))) {
            case READ -> {
                // The buffer has data of an earlier request, which the handler and the application must not see.
                fetched.zero(0, length);
                ByteBuffer dst = fetched.buffer().slice(0, (int) length);
                handler.read(offset, dst);
                HandlerDisk.checkFilled(dst, offset, length);
                return fetched.address();
            }
            case WRITE -> {
                handler.write(
                        offset,
                        data().slice(indexOf(i), (int) length).asReadOnlyBuffer(),
                        new WriteFlags(
                                (flags & Batch.REQ_FUA) != 0,
                                (flags & Batch.REQ_META) != 0,
                                (flags & Batch.REQ_SYNC) != 0));
            }
            case FLUSH -> handler.flush();
            case DISCARD -> handler.discard(offset, length);
            case WRITE_ZEROES -> handler.writeZeroes(offset, length, (flags & Batch.REQ_NOUNMAP) == 0);
            default -> throw new BlockIOException(Errno.EOPNOTSUPP, "A handler has no zones");
        }
        return 0;
    }
}
