// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.internal.kernel.NativeMemory;
import io.dblock.internal.store.BlockLog;
import io.dblock.internal.store.Parts;
import java.io.IOException;
import java.nio.ByteBuffer;

/** Serves a queue from a {@link BlockLog}: the kernel copies to and from there. */
abstract class LogWorker extends Worker {
    private final Parts found = new Parts();

    LogWorker(DeviceParts parts, int queue, int batchSize, int bufferSize, BlockLog memory) {
        super(parts, queue, batchSize, bufferSize, memory);
    }

    /** Finds where in memory a range is; returns false if it can only be read. */
    abstract boolean locate(long offset, long length, Parts parts) throws IOException;

    /** Fills {@code dst} from its position to its limit. */
    abstract void read(long offset, ByteBuffer dst) throws IOException;

    /** Adds the answer to read {@code i} of the batch: where its data is, in parts if need be, or a copy. */
    final void answerRead(int i, long sequence) throws IOException {
        long cookie = batch.cookie(i);
        long offset = batch.offset(i);
        long length = batch.length(i);
        beginReading();
        if (!locate(offset, length, found) || !canAnswerInParts(i)) {
            NativeMemory copy = buffers.take((int) length);
            releaseWhenTaken(copy);
            read(offset, copy.buffer().slice(0, (int) length));
            noteRead(sequence, copy.address(), length);
            batch.answer(cookie, copy.address(), length);
            return;
        }
        int last = found.count() - 1;
        for (int part = 0; part < last; part++) {
            if (found.address(part) == 0) {
                batch.answerPartZeroes(cookie, found.length(part));
            } else {
                batch.answerPart(cookie, found.address(part), found.length(part), 0);
            }
        }
        if (found.address(last) == 0) {
            batch.answerZeroes(cookie, found.length(last));
        } else {
            batch.answer(cookie, found.address(last), found.length(last));
        }
    }

    private boolean canAnswerInParts(int i) {
        if (recordsReads() || (found.count() > 1 && found.count() > batch.roomBeside(i))) {
            return false;
        }
        // A fork may have larger blocks than the disk it comes from.
        int block = parts.kernel().parameters().logicalBlock();
        for (int part = 0; part < found.count(); part++) {
            if (found.length(part) % block != 0) {
                return false;
            }
        }
        return true;
    }
}
