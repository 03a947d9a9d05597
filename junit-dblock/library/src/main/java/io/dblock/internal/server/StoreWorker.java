// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.NativeMemory;
import io.dblock.internal.store.Parts;
import java.io.IOException;

/**
 * Serves a queue from a write cache. If its data is in memory, this takes requests in batches, and the kernel copies to
 * and from there. Otherwise it fetches one request at a time, so that no answer waits until another request is handled.
 */
final class StoreWorker extends Worker {
    private static final int BUFFER = 1 << 20;

    private final Parts found = new Parts();

    StoreWorker(DeviceParts parts, int queue) {
        super(
                parts,
                queue,
                parts.filters().cache().isDirect()
                        ? Math.min(BatchPool.CAPACITY, parts.kernel().depth())
                        : 1,
                Math.max(
                        parts.filters().cache().isDirect() ? BUFFER : 0,
                        parts.kernel().maxIo()));
    }

    @Override
    void handle(int i, long sequence) throws Exception {
        long offset = batch.offset(i);
        long length = batch.length(i);
        int flags = batch.flags(i);
        long ticket = 0;
        switch (batch.operation(i)) {
            case Batch.OP_READ -> {
                read(i, sequence);
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

    private long write(int i, long offset, int length, boolean fua, long sequence) throws IOException {
        return intake() == null
                ? cache.writeFrom(data(), indexOf(i), offset, length, fua, sequence, fetchedAt(), position())
                : cache.write(intake(), indexOf(i), offset, length, fua, sequence, fetchedAt(), position());
    }

    private void read(int i, long sequence) throws IOException {
        long cookie = batch.cookie(i);
        long length = batch.length(i);
        beginReading();
        if (!cache.locate(batch.offset(i), length, position(), found) || !canAnswerInParts(i)) {
            NativeMemory copy = buffers.take((int) length);
            releaseWhenTaken(copy);
            cache.read(batch.offset(i), copy.buffer().slice(0, (int) length), position());
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
        for (int part = 0; part < found.count(); part++) {
            if (found.length(part) % cache.logicalBlock() != 0) {
                return false;
            }
        }
        return true;
    }
}
