// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.fault.FaultFilter;
import io.dblock.internal.journal.Answer;
import io.dblock.internal.journal.ContentChunk;
import io.dblock.internal.journal.JournalRing;
import io.dblock.internal.journal.RequestFlags;
import io.dblock.internal.journal.RequestHints;
import io.dblock.internal.journal.RequestOperations;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.NativeMemory;
import io.dblock.internal.store.WriteCache;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongConsumer;

/**
 * Serves one queue of a device while that is busy. As long as no fault rule is armed, a request costs no object here.
 *
 * <p>A request is answered with the next call to the kernel. Just before that its write counts as completed, and it is
 * ended in the journal; if the power has been cut since it came, its answer becomes an error.
 */
abstract class Worker {
    private static final long NOT_RECORDED = JournalRing.NOT_RECORDED;

    private static final long BUSY = Long.MIN_VALUE;
    private static final long PAUSE = TimeUnit.MILLISECONDS.toNanos(10);

    final DeviceParts parts;
    final Failures failures;
    final BufferPool buffers;
    final Batch batch;
    /** Where the data of writes come, as long as nothing is borrowed of the journal for them. */
    final NativeMemory fetched;

    final WriteCache cache;
    private final ControlSession session;
    private final Serving serving;
    private final Counters counters;
    private final Filters filters;
    private final JournalRing journal;
    private final FaultFilter faults;
    private final LongConsumer late;

    // The answers in the batch, one element each.
    private final long[] sequences;
    private final long[] tickets;
    private final int[] errors;
    private final List<List<String>> rules;
    private int answers;

    /** What the data of writes are in: {@link #fetched} or what is borrowed. */
    private NativeMemory intake;

    /** Memory of the journal's; null if there is none. */
    private ContentChunk borrowed;

    /** Whether there was a write of late. */
    private boolean writes;

    /** What the answers that go with the next call point at. */
    private final List<NativeMemory> answered = new ArrayList<>();

    private long position;
    private long fetchedAt;
    private DivertedRequest diverted;
    /** When the last requests came, or {@link #BUSY} while they are handled. */
    private final AtomicLong idleSince = new AtomicLong();

    private boolean ended;
    private volatile Thread thread;

    Worker(DeviceParts parts, int queue, int batchSize, int bufferSize) {
        this.parts = parts;
        failures = parts.failures();
        serving = parts.serving();
        buffers = serving.buffers();
        session = parts.kernel().session();
        counters = parts.counters();
        filters = parts.filters();
        journal = filters.journal();
        faults = filters.faults();
        cache = filters.cache();
        fetched = buffers.take(bufferSize);
        intake = fetched;
        batch = serving.batches().take(parts.kernel().id(), queue, batchSize);
        Answerer answerer = parts.answerer();
        late = cookie -> answerer.answeredLate();
        sequences = new long[batchSize];
        tickets = new long[batchSize];
        errors = new int[batchSize];
        rules = new ArrayList<>(Collections.nCopies(batchSize, List.of()));
    }

    /**
     * Answers request {@code i} of the batch, by {@link #answered}, or has it answered later.
     *
     * @param sequence its number in the journal
     */
    abstract void handle(int i, long sequence) throws Exception;

    /** Who runs {@link #serve()}; null when nobody does any more. */
    final void setThread(Thread thread) {
        this.thread = thread;
    }

    final Thread thread() {
        return thread;
    }

    /** Whether it has handled nothing for {@link Serving#LINGER}. */
    final boolean isIdle() {
        long since = idleSince.get();
        return since != BUSY && System.nanoTime() - since >= Serving.LINGER.toNanos();
    }

    /** Whether the device has ended. */
    final boolean ended() {
        return ended;
    }

    /**
     * Serves until the device has ended or {@link Serving#mayLeave} says so.
     *
     * @return true for the latter; false if it cannot go on, too
     */
    final boolean serve() {
        long patience = serving.patience();
        long last = System.nanoTime();
        while (true) {
            idleSince.lazySet(last);
            int requests;
            try {
                int from = prepareIntake();
                requests = batch.serve(session, intake, from, fetched.size(), patience, late);
            } catch (ControlException e) {
                serving.unservable(e);
                return false;
            } catch (Throwable t) {
                // The answers are in the batch still, and go with the next call.
                failures.add(t);
                LockSupport.parkNanos(PAUSE);
                continue;
            }
            releaseAnswered();
            if (batch.ended()) {
                ended = true;
                return false;
            }
            if (requests == 0) {
                if (serving.mayLeave(this)) {
                    return true;
                }
                continue;
            }
            idleSince.lazySet(BUSY);
            position = filters.position();
            last = System.nanoTime();
            fetchedAt = last;
            for (int i = 0; i < requests; i++) {
                take(i);
            }
            handOver();
        }
    }

    /**
     * Chooses where the data of the next writes are to come: if there are many of them, right where the journal keeps them.
     * What is there nobody changes, so a handler that looks at it too late sees what it should have.
     *
     * @return from which byte of {@link #intake} on
     */
    private int prepareIntake() {
        if (writes || borrowed != null) {
            borrow();
        }
        return borrowed == null ? 0 : borrowed.used();
    }

    private void borrow() {
        ContentChunk next = null;
        try {
            next = journal.lend(borrowed, (int) fetched.size());
        } catch (Throwable t) {
            // No memory, say. Without it there is one copy more.
            journal.giveBack(borrowed);
            failures.add(t);
        }
        writes = false;
        borrowed = next;
        intake = next == null ? fetched : next.memory();
    }

    /** Gives back what it serves with. Nobody may be in {@link #serve()}. */
    final void close() {
        journal.giveBack(borrowed);
        buffers.release(fetched);
        if (batch.hasNoAnswers()) {
            serving.batches().release(batch);
        }
    }

    /** Must not throw. */
    private void take(int i) {
        long sequence = NOT_RECORDED;
        try {
            count(i);
            operation(batch.operation(i));
            sequence = journal.begin(
                    fetchedAt,
                    batch.operation(i),
                    batch.flags(i),
                    batch.offset(i),
                    batch.length(i),
                    batch.queue(i),
                    batch.hints(i));
            if ((batch.operation(i) == Batch.OP_WRITE || batch.operation(i) == Batch.OP_ZONE_APPEND)
                    && journal.wantsData(Batch.OP_WRITE)) {
                writes = true;
                if (borrowed == null) {
                    journal.data(sequence, intake.buffer(), indexOf(i), (int) batch.length(i));
                } else {
                    journal.data(sequence, borrowed, indexOf(i), (int) batch.length(i));
                }
            }
            if (!faults.isEmpty() && divert(i, sequence)) {
                return;
            }
            handle(i, sequence);
        } catch (Throwable t) {
            failRequest(i, sequence, t);
        }
    }

    /** The buffer in which the data of writes are now, at {@link #indexOf}. */
    final ByteBuffer data() {
        return intake.buffer();
    }

    /** Where in the buffer {@link #data()} those of request {@code i} begin. */
    final int indexOf(int i) {
        return (int) (batch.data(i) - intake.address());
    }

    /** Whether a fault rule has to do with it: then it is or will be answered. */
    private boolean divert(int i, long sequence) throws BlockIOException {
        RequestInfo info = new RequestInfo(
                operation(batch.operation(i)),
                batch.offset(i),
                batch.length(i),
                RequestFlags.of(batch.flags(i)),
                batch.queue(i),
                RequestHints.priority(batch.hints(i)),
                RequestHints.writeHint(batch.hints(i)));
        DivertedRequest request =
                new DivertedRequest(parts, this, batch.cookie(i), info, sequence, position, batch.data(i));
        diverted = request;
        try {
            boolean taken = faults.handle(request, filters.disk());
            if (taken) {
                request.detach();
            }
            return taken;
        } finally {
            diverted = null;
        }
    }

    /** Whether this request is being handled by the current thread, so that its answer can go with the next call. */
    final boolean isHandling(DivertedRequest request) {
        return diverted == request && isHere();
    }

    /** Whether the current thread serves here. */
    final boolean isHere() {
        return thread == Thread.currentThread();
    }

    /** Puts the answer into the next call; {@code data} stays untouched until that was made. */
    final void answerWithNextCall(DivertedRequest request, Answer answer, NativeMemory data) {
        if (request.info().operation() == Operation.READ && data != null && answer.firstError() == null) {
            noteRead(request.sequence(), data.address(), request.info().length());
        }
        request.addParts(answer, batch, data, () -> {});
        // Its writes count as completed already.
        answered(request.sequence(), 0, answer.firstError(), answer.rules());
        if (data != null) {
            releaseWhenTaken(data);
        }
    }

    /** For a read that is answered with the data at this address. */
    final void noteRead(long sequence, long address, long length) {
        filters.noteRead(sequence, address, length);
    }

    /** For an append that was put at this offset. */
    final void noteAppend(long sequence, long offset) {
        journal.appended(sequence, offset);
    }

    /** Notes that an answer has been put into the batch. */
    final void answered(long sequence, long ticket, Errno errno) {
        answered(sequence, ticket, errno, List.of());
    }

    final void answered(long sequence, long ticket, Errno errno, List<String> by) {
        sequences[answers] = sequence;
        tickets[answers] = ticket;
        errors[answers] = errno == null ? 0 : errno.number();
        if (!by.isEmpty() || !rules.get(answers).isEmpty()) {
            rules.set(answers, by);
        }
        answers++;
    }

    /** This memory is free when the answers in the batch have been taken. */
    final void releaseWhenTaken(NativeMemory memory) {
        answered.add(memory);
    }

    private void releaseAnswered() {
        try {
            for (int i = 0; i < answered.size(); i++) {
                buffers.release(answered.get(i));
            }
        } catch (Throwable t) {
            // What the pool does not get, the garbage collector does.
            failures.add(t);
        }
        answered.clear();
    }

    /** The answers in the batch are about to be given. Must not throw. */
    private void handOver() {
        if (answers == 0) {
            return;
        }
        try {
            complete();
        } catch (Throwable t) {
            // Nobody knows how far it came.
            batch.failAnswers(Errno.EIO.number());
            failures.add(t);
        }
        answers = 0;
    }

    private void complete() {
        if (cache != null) {
            cache.completed(tickets, answers);
            if (!cache.isCurrent(position)) {
                batch.failAnswers(Errno.EIO.number());
                java.util.Arrays.fill(errors, 0, answers, Errno.EIO.number());
            }
        }
        long now = System.nanoTime();
        journal.endAll(sequences, answers, now, errors, rules);
    }

    private void count(int i) {
        switch (batch.operation(i)) {
            case Batch.OP_READ -> {
                counters.reads.increment();
                counters.bytesRead.add(batch.length(i));
            }
            case Batch.OP_WRITE, Batch.OP_ZONE_APPEND -> {
                counters.writes.increment();
                counters.bytesWritten.add(batch.length(i));
            }
            case Batch.OP_FLUSH -> counters.flushes.increment();
            case Batch.OP_DISCARD -> counters.discards.increment();
            case Batch.OP_WRITE_ZEROES -> counters.writeZeroes.increment();
            default -> {
                // Left to the one who handles it.
            }
        }
    }

    static Operation operation(int number) throws BlockIOException {
        if (!RequestOperations.isKnown(number)) {
            throw new BlockIOException(
                    Errno.EOPNOTSUPP, "The module sent the operation " + number + ", which this library does not know");
        }
        return RequestOperations.of(number);
    }

    /** What a request fails with when this was thrown. */
    static Errno errno(Throwable thrown) {
        return thrown instanceof BlockIOException known ? known.errno() : Errno.EIO;
    }

    /** The write cache's position when this batch came. */
    final long position() {
        return position;
    }

    /** When this batch came, by {@link System#nanoTime()}. */
    final long fetchedAt() {
        return fetchedAt;
    }

    /** Fails request {@code i} because of this. Must not throw: there may be no memory left. */
    private void failRequest(int i, long sequence, Throwable thrown) {
        batch.answerError(batch.cookie(i), errno(thrown).number());
        answered(sequence, 0, errno(thrown));
        try {
            counters.errors.increment();
            if (cache == null || cache.powered()) {
                failures.add(thrown);
            }
        } catch (Throwable t) {
            failures.add(t);
        }
    }
}
