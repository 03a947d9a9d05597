// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.IoPriority;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestInfo;
import io.dblock.handler.WriteHint;
import io.dblock.internal.fault.DiskRequest;
import io.dblock.internal.journal.Answer;
import io.dblock.internal.journal.RequestFlags;
import io.dblock.internal.journal.RequestHints;
import io.dblock.internal.journal.RequestOperations;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.NativeMemory;
import io.dblock.internal.store.Chunk;
import io.dblock.internal.store.Parts;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * A request of the kernel. Its {@link Worker} uses the same one again and again, as long as each is done at once. One that
 * a rule or a user's handler has got is theirs for good.
 */
final class Request extends DiskRequest {
    private static final int SECTOR = 512;

    private final DeviceParts parts;
    private final Worker worker;

    // What has come. Written by the worker, before anybody else has the request.
    private long cookie;
    private Operation operation;
    private long offset;
    private long length;
    private int queue;
    private int flags;
    private int hints;
    private RequestInfo info;
    private long sequence;
    private long position;
    private long nanos;
    /** What has the data of a write, from {@link #index} on. */
    private ByteBuffer source;

    private int index;
    /** The chunk that {@link #source} belongs to; null if there is none. */
    private Chunk chunk;

    // Of who has the request.
    private long[] tickets = new long[1];
    private int ticketCount;
    /** Where a zone append put its data. */
    private long appended;
    /** Whether {@link Worker#found()} is where the data of this read is. */
    private boolean inPlace;
    /** Whether the data of a write stays when the worker goes on. */
    private boolean kept;

    // Guarded by this.
    private NativeMemory memory;
    private ByteBuffer data;

    Request(DeviceParts parts, Worker worker) {
        this.parts = parts;
        this.worker = worker;
    }

    /** Becomes request {@code i} of the worker's batch. The one before was {@link #done()}, or this is new. */
    void begin(int i, long position, long nanos) throws BlockIOException {
        Batch batch = worker.batch();
        cookie = batch.cookie(i);
        offset = batch.offset(i);
        length = batch.length(i);
        queue = batch.queue(i);
        flags = batch.flags(i);
        hints = batch.hints(i);
        info = null;
        sequence = Worker.NOT_RECORDED;
        this.position = position;
        this.nanos = nanos;
        source = null;
        chunk = null;
        ticketCount = 0;
        inPlace = false;
        kept = false;
        memory = null;
        data = null;
        int number = batch.operation(i);
        if (!RequestOperations.isKnown(number)) {
            throw new BlockIOException(
                    Errno.EOPNOTSUPP, "The module sent the operation " + number + ", which this library does not know");
        }
        operation = RequestOperations.of(number);
    }

    /** Sets the number in the journal. */
    void recorded(long sequence) {
        this.sequence = sequence;
    }

    /** Sets where the data of a write is; {@code chunk} is null if it is in none. */
    void brings(ByteBuffer source, int index, Chunk chunk) {
        this.source = source;
        this.index = index;
        this.chunk = chunk;
    }

    // ---- what is asked for ----

    @Override
    public RequestInfo info() {
        if (info == null) {
            info = new RequestInfo(operation, offset, length, flags(), queue, priority(), writeHint());
        }
        return info;
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
    public Set<RequestFlag> flags() {
        return RequestFlags.of(flags);
    }

    @Override
    public boolean has(RequestFlag flag) {
        return RequestFlags.has(flags, flag);
    }

    @Override
    public int queue() {
        return queue;
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
    public long sequence() {
        return sequence;
    }

    @Override
    public long position() {
        return position;
    }

    @Override
    public long nanos() {
        return nanos;
    }

    // ---- its data ----

    /** Returns whether the disk takes the data. */
    boolean isFrom() {
        return operation == Operation.WRITE || operation == Operation.ZONE_APPEND;
    }

    /** Returns whether the disk fills the data. */
    private boolean isInto() {
        return operation == Operation.READ || operation == Operation.ZONE_REPORT;
    }

    @Override
    public synchronized ByteBuffer data() {
        if (!isInto() && !isFrom()) {
            throw new IllegalStateException("A " + operation + " has no data; ask operation() first.");
        }
        if (data == null) {
            if (isAnswered()) {
                throw new IllegalStateException("This request is completed; its data are gone.");
            }
            int size = Math.toIntExact(length);
            if (isFrom()) {
                data = source.slice(index, size).asReadOnlyBuffer();
            } else {
                memory = worker.buffers().take(size);
                if (operation == Operation.ZONE_REPORT || !worker.disk().isBuiltIn()) {
                    // The buffer has data of an earlier request, which a handler and the application must not see.
                    memory.zero(0, size);
                }
                data = memory.buffer().slice(0, size);
            }
        }
        return data;
    }

    @Override
    public Chunk chunk() {
        return chunk;
    }

    @Override
    public int index() {
        return index;
    }

    @Override
    public synchronized void keep() {
        if (kept || !isFrom()) {
            return;
        }
        int size = (int) length;
        if (chunk != null) {
            chunk.use(index + size);
            chunk.record(size);
        } else {
            memory = worker.buffers().take(size);
            memory.buffer().put(0, source, index, size);
            brings(memory.buffer(), 0, null);
        }
        kept = true;
    }

    @Override
    public boolean readInPlace(Locator locator) throws IOException {
        Parts found = worker.beginReading();
        inPlace = locator.locate(offset, length, position, found) && canAnswerWith(found);
        return inPlace;
    }

    private boolean canAnswerWith(Parts found) {
        return !parts.filters().journal().wantsData(Batch.OP_READ)
                && (found.count() == 1 || worker.batch().hasRoomForSegments(found.count()));
    }

    // ---- what became of it ----

    @Override
    public void addTicket(long ticket) {
        if (ticket == 0) {
            return;
        }
        if (ticketCount == tickets.length) {
            tickets = Arrays.copyOf(tickets, 2 * ticketCount);
        }
        tickets[ticketCount++] = ticket;
    }

    @Override
    public void appendedAt(long at) {
        parts.filters().journal().appended(sequence, at);
        appended = at;
    }

    /** Answers with success, in the thread of the worker, which nobody else has got this request from. */
    void done() {
        forget();
        // The worker completes the write in the cache.
        answerWithNextCall(null, ticketCount == 0 ? 0 : tickets[0], List.of(), memory);
    }

    /** Fails the request, in the thread of the worker, unless it is answered. Must not throw, even if memory is short. */
    boolean failIfOpenWithNextCall(Errno errno) {
        if (!finish()) {
            return false;
        }
        addRest(worker.batch(), 0, length, errno, null);
        worker.answered(sequence, 0, errno, List.of());
        return true;
    }

    @Override
    protected void deliver(Answer answer) {
        check(answer);
        forget();
        Answer given = parts.filters().complete(tickets, ticketCount, position)
                ? answer
                : Answer.all(length, Errno.EIO, answer.rules());
        Errno errno = given.firstError();
        if (errno != null) {
            parts.counters().errors.increment();
        }
        NativeMemory used;
        synchronized (this) {
            used = memory;
        }
        if (worker.isHandling(this) && given.parts().size() == 1) {
            answerWithNextCall(errno, 0, given.rules(), used);
            return;
        }
        parts.filters().end(sequence, operation, given, used);
        parts.answerer().answerNow((batch, give) -> addParts(given, batch, used, give));
        if (used != null) {
            worker.buffers().release(used);
        }
    }

    private void check(Answer answer) {
        long sum = answer.parts().stream().mapToLong(Answer.Part::length).sum();
        if (sum != length) {
            throw new IllegalArgumentException(
                    "The parts of the answer to " + this + " have " + sum + " bytes together.");
        }
    }

    /** Adds the answer to the next call to the kernel; {@code used} is not used again before that call. */
    private void answerWithNextCall(Errno errno, long ticket, List<String> rules, NativeMemory used) {
        if (used != null && operation == Operation.READ && errno == null) {
            parts.filters().noteRead(sequence, used.address(), length);
        }
        addRest(worker.batch(), 0, length, errno, used);
        worker.answered(sequence, ticket, errno, rules);
        if (used != null) {
            worker.releaseWhenTaken(used);
        }
    }

    /** Lets the memory go after the next call to the kernel. */
    void release() {
        forget();
        if (memory != null) {
            worker.releaseWhenTaken(memory);
        }
    }

    /** Lets the data of a write go, which the disk has taken. */
    private void forget() {
        if (kept && chunk != null) {
            kept = false;
            chunk.forget((int) length);
        }
    }

    /** Adds the answer to a batch, which {@code give} empties; {@code used} has the data of a read, null if it is zeros. */
    private void addParts(Answer answer, Batch batch, NativeMemory used, Runnable give) {
        long at = 0;
        int last = answer.parts().size() - 1;
        for (Answer.Part part : answer.parts().subList(0, last)) {
            if (!batch.hasRoom()) {
                give.run();
            }
            if (part.errno() == null && isInto() && used == null) {
                batch.answerPartZeroes(cookie, part.length());
            } else {
                long address = isInto() && used != null ? used.address() + at : 0;
                batch.answerPart(
                        cookie,
                        address,
                        part.length(),
                        part.errno() == null ? 0 : part.errno().number());
            }
            at += part.length();
        }
        if (!batch.hasRoom()) {
            give.run();
        }
        Answer.Part rest = answer.parts().get(last);
        addRest(batch, at, rest.length(), rest.errno(), used);
    }

    /** Adds the answer to what is left of the request, from {@code at} on. */
    private void addRest(Batch batch, long at, long rest, Errno errno, NativeMemory used) {
        if (errno != null) {
            batch.answerError(cookie, errno.number());
        } else if (inPlace) {
            addFound(batch, worker.found());
        } else if (operation == Operation.ZONE_APPEND) {
            batch.answer(cookie, appended / SECTOR, rest);
        } else if (!isInto()) {
            batch.answer(cookie, 0, rest);
        } else if (used == null) {
            batch.answerZeroes(cookie, rest);
        } else {
            batch.answer(cookie, used.address() + at, rest);
        }
    }

    private void addFound(Batch batch, Parts found) {
        long first = found.addresses()[0];
        if (found.count() > 1) {
            batch.answerSegments(cookie, found.addresses(), found.lengths(), found.count(), length);
        } else if (first == 0) {
            batch.answerZeroes(cookie, length);
        } else {
            batch.answer(cookie, first, length);
        }
    }
}
