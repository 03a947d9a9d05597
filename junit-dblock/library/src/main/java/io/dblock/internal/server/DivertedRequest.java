// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.fault.DiskRequest;
import io.dblock.internal.journal.Answer;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.NativeMemory;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * A request that is shown to the fault rules. If they take it, any thread may answer it later and in parts; it keeps
 * its data until then.
 */
final class DivertedRequest extends DiskRequest {
    private static final int SECTOR = 512;

    private final DeviceParts parts;
    private final Worker worker;
    private final long cookie;
    private final RequestInfo info;
    private final long sequence;
    private final long position;
    // Guarded by this. No answer is given to the kernel with the lock held.
    private long fetchedAt;
    private NativeMemory memory;
    private ByteBuffer data;
    private long[] tickets = new long[1];
    private int ticketCount;
    /** The sector at which a zone append put its data. */
    private long appended;

    /** {@code fetchedAt} is the address of a write's data until {@link #detach()}. */
    DivertedRequest(
            DeviceParts parts,
            Worker worker,
            long cookie,
            RequestInfo info,
            long sequence,
            long position,
            long fetchedAt) {
        this.parts = parts;
        this.worker = worker;
        this.cookie = cookie;
        this.info = info;
        this.sequence = sequence;
        this.position = position;
        this.fetchedAt = fetchedAt;
    }

    @Override
    public RequestInfo info() {
        return info;
    }

    @Override
    public long sequence() {
        return sequence;
    }

    @Override
    public synchronized ByteBuffer data() {
        if (!isInto() && !isFrom()) {
            throw new IllegalStateException("A " + info.operation() + " has no data; ask operation() first.");
        }
        if (data == null) {
            if (isAnswered()) {
                throw new IllegalStateException("This request is completed; its data are gone.");
            }
            int length = Math.toIntExact(info.length());
            memory = worker.buffers.take(length);
            if (isFrom()) {
                memory.copyFrom(fetchedAt, 0, length);
            } else {
                memory.zero(0, length);
            }
            data = memory.buffer().slice(0, length);
            data = isFrom() ? data.asReadOnlyBuffer() : data;
        }
        return data;
    }

    /** Copies a write's data, unless that is done, before the memory it was fetched into is reused. */
    @Override
    public synchronized void keep() {
        if (!isAnswered() && isFrom()) {
            data();
        }
        fetchedAt = 0;
    }

    /** Returns whether the disk fills the data. */
    private boolean isInto() {
        return info.operation() == Operation.READ || info.operation() == Operation.ZONE_REPORT;
    }

    /** Returns whether the disk takes the data. */
    private boolean isFrom() {
        return info.operation() == Operation.WRITE || info.operation() == Operation.ZONE_APPEND;
    }

    @Override
    public synchronized void appendedAt(long offset) {
        parts.filters().journal().appended(sequence, offset);
        appended = offset / SECTOR;
    }

    private synchronized long appended() {
        return appended;
    }

    @Override
    public long position() {
        return position;
    }

    @Override
    public synchronized void addTicket(long ticket) {
        if (ticket == 0) {
            return;
        }
        if (ticketCount == tickets.length) {
            tickets = Arrays.copyOf(tickets, 2 * ticketCount);
        }
        tickets[ticketCount++] = ticket;
    }

    @Override
    protected void deliver(Answer answer) {
        check(answer);
        NativeMemory used;
        synchronized (this) {
            used = memory;
        }
        Answer given = parts.filters().complete(cachedTickets(), position)
                ? answer
                : Answer.all(info.length(), Errno.EIO, answer.rules());
        Errno errno = given.firstError();
        if (errno != null) {
            parts.counters().errors.increment();
        }
        if (worker.isHandling(this) && given.parts().size() == 1) {
            worker.answerWithNextCall(this, given, used);
            return;
        }
        parts.filters().end(sequence, info.operation(), given, used);
        parts.answerer().answerNow((batch, give) -> addParts(given, batch, used, give));
        if (used != null) {
            worker.buffers.release(used);
        }
    }

    private void check(Answer answer) {
        long sum = answer.parts().stream().mapToLong(Answer.Part::length).sum();
        if (sum != info.length()) {
            throw new IllegalArgumentException(
                    "The parts of the answer to " + info + " have " + sum + " bytes together.");
        }
    }

    private synchronized long[] cachedTickets() {
        return Arrays.copyOf(tickets, ticketCount);
    }

    /** Adds the answer to a batch, which {@code give} empties; {@code used} has the data of a read, null if it is zeros. */
    void addParts(Answer answer, Batch batch, NativeMemory used, Runnable give) {
        boolean read = isInto();
        long at = 0;
        for (int i = 0; i < answer.parts().size(); i++) {
            Answer.Part part = answer.parts().get(i);
            int error = part.errno() == null ? 0 : part.errno().number();
            long address = read && used != null ? used.address() + at : 0;
            boolean zeroes = read && used == null && error == 0;
            if (!batch.hasRoom()) {
                give.run();
            }
            if (i < answer.parts().size() - 1) {
                if (zeroes) {
                    batch.answerPartZeroes(cookie, part.length());
                } else {
                    batch.answerPart(cookie, address, part.length(), error);
                }
            } else if (error != 0) {
                batch.answerError(cookie, error);
            } else if (zeroes) {
                batch.answerZeroes(cookie, part.length());
            } else if (info.operation() == Operation.ZONE_APPEND) {
                batch.answer(cookie, appended(), part.length());
            } else {
                batch.answer(cookie, address, part.length());
            }
            at += part.length();
        }
    }
}
