// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.BlockRequest;
import io.dblock.handler.Errno;
import io.dblock.handler.IoPriority;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.WriteHint;
import io.dblock.internal.journal.Answer;
import io.dblock.internal.journal.RequestFlags;
import io.dblock.internal.journal.RequestHints;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.NativeMemory;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Set;

/**
 * A request that a {@link io.dblock.handler.RequestHandler} was given. The data of a write is in the worker's buffer at
 * first. It is copied to the request's own buffer when the handler asks for it, or returns without completing the request.
 */
final class PendingRequest implements BlockRequest {
    private final DeviceParts parts;
    private final RequestWorker worker;
    private final long cookie;
    private final Operation operation;
    private final long offset;
    private final long length;
    private final int queue;
    private final int flags;
    private final int hints;
    private final long sequence;

    // Guarded by this. No answer is given to the kernel with the lock held.
    private boolean done;
    private long fetchedAt;
    private NativeMemory memory;
    private ByteBuffer data;

    PendingRequest(DeviceParts parts, RequestWorker worker, Batch batch, int i, long sequence) throws BlockIOException {
        this.parts = parts;
        this.worker = worker;
        cookie = batch.cookie(i);
        operation = Worker.operation(batch.operation(i));
        offset = batch.offset(i);
        length = batch.length(i);
        queue = batch.queue(i);
        flags = batch.flags(i);
        hints = batch.hints(i);
        this.sequence = sequence;
        fetchedAt = batch.data(i);
    }

    @Override
    public Operation operation() {
        return operation;
    }

    @Override
    public long offset() {
        return offset;
    }

    @Override
    public long length() {
        return length;
    }

    @Override
    public int queue() {
        return queue;
    }

    @Override
    public Set<RequestFlag> flags() {
        return RequestFlags.of(flags);
    }

    @Override
    public IoPriority priority() {
        return RequestHints.priority(hints);
    }

    @Override
    public WriteHint writeHint() {
        return RequestHints.writeHint(hints);
    }

    @Override
    public synchronized ByteBuffer data() {
        if (operation != Operation.READ && operation != Operation.WRITE) {
            throw new IllegalStateException("A " + operation + " has no data; ask operation() first.");
        }
        if (data == null) {
            if (done) {
                throw new IllegalStateException("This request is completed; its data are gone.");
            }
            makeData();
        }
        return data;
    }

    private void makeData() {
        memory = worker.buffers.take((int) length);
        if (operation == Operation.WRITE) {
            memory.copyFrom(fetchedAt, 0, length);
            data = memory.buffer().slice(0, (int) length).asReadOnlyBuffer();
        } else {
            memory.zero(0, length);
            data = memory.buffer().slice(0, (int) length);
        }
    }

    /** Copies the data of an open write, unless that is done, before the worker's buffer is reused. */
    synchronized void detach() {
        if (!done && operation == Operation.WRITE && data == null) {
            makeData();
        }
        fetchedAt = 0;
    }

    @Override
    public void complete() {
        end(null);
    }

    @Override
    public void fail(Errno errno) {
        end(java.util.Objects.requireNonNull(errno, "errno"));
    }

    /** Fails the request unless it is completed already. */
    void failIfOpen(Errno errno) {
        if (finish()) {
            answer(errno);
        }
    }

    private void end(Errno errno) {
        if (!finish()) {
            throw new IllegalStateException(this + " was completed before. Complete each request once.");
        }
        answer(errno);
    }

    private synchronized boolean finish() {
        boolean first = !done;
        done = true;
        return first;
    }

    /** Answers the request. Only the thread for which {@link #finish()} returned true calls this. */
    private void answer(Errno errno) {
        if (errno != null) {
            parts.counters().errors.increment();
        }
        NativeMemory used;
        synchronized (this) {
            used = memory;
        }
        if (worker.isHandling(this)) {
            worker.answerWithNextCall(this, errno, used);
        } else {
            parts.filters().end(sequence, operation, Answer.all(length, errno, List.of()), used);
            parts.answerer().answerNow((batch, give) -> addAnswer(batch, errno, used));
            if (used != null) {
                worker.buffers.release(used);
            }
        }
    }

    /** Adds the answer to a batch; {@code used} has the data of a read, null if it is zeros. */
    void addAnswer(Batch batch, Errno errno, NativeMemory used) {
        if (errno != null) {
            batch.answerError(cookie, errno.number());
        } else if (operation != Operation.READ) {
            batch.answer(cookie, 0, length);
        } else if (used == null) {
            batch.answerZeroes(cookie, length);
        } else {
            batch.answer(cookie, used.address(), length);
        }
    }

    long sequence() {
        return sequence;
    }

    @Override
    public String toString() {
        return operation + " of " + length + " bytes at " + offset;
    }
}
