// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.fault.FaultFilter;
import io.dblock.internal.journal.Answer;
import io.dblock.internal.journal.JournalRing;
import io.dblock.internal.journal.RequestFlags;
import io.dblock.internal.journal.RequestHints;
import io.dblock.internal.journal.RequestOperations;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.NativeMemory;
import io.dblock.internal.store.BlockLog;
import io.dblock.internal.store.Chunk;
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
 * Serves one queue of a device while the device is busy. While no fault rule is armed, this class allocates nothing for a
 * request.
 *
 * <p>The answers go with the next call to the kernel. Just before that call, the writes are completed in the cache and the
 * requests are ended in the journal. If the power was cut since the requests came, the answers become errors.
 */
abstract class Worker {
    private static final long NOT_RECORDED = JournalRing.NOT_RECORDED;

    private static final long BUSY = Long.MIN_VALUE;
    private static final long PAUSE = TimeUnit.MILLISECONDS.toNanos(10);

    final DeviceParts parts;
    final Failures failures;
    final BufferPool buffers;
    final Batch batch;
    /** The buffer for the data of writes without an {@link #intake}, and for that of reads which a handler fills. */
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

    /** The memory that the data of writes is put into: of the disk's content or, if that is not ours, of the journal. */
    private final BlockLog memory;
    /** Where the kernel puts the data of writes, to stay there; null if there is no memory or a request is too long. */
    private Chunk intake;

    /** How many bytes the last requests brought. */
    private int brought;

    /** What {@link BlockLog#enter} has returned; negative if nothing in the batch points to the disk's content. */
    private int reading = -1;

    /** The memory that the answers in the batch point at, to be released after the next call. */
    private final List<NativeMemory> answered = new ArrayList<>();

    private long position;
    private long fetchedAt;
    private DivertedRequest diverted;
    /** When the last requests came, or {@link #BUSY} while requests are handled. */
    private final AtomicLong idleSince = new AtomicLong();

    private boolean ended;
    private volatile Thread thread;

    Worker(DeviceParts parts, int queue, int batchSize, int bufferSize, BlockLog memory) {
        this.memory = memory;
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
        batch = serving.batches().take(parts.kernel().id(), queue, batchSize);
        Answerer answerer = parts.answerer();
        late = cookie -> answerer.answeredLate();
        sequences = new long[batchSize];
        tickets = new long[batchSize];
        errors = new int[batchSize];
        rules = new ArrayList<>(Collections.nCopies(batchSize, List.of()));
    }

    /**
     * Handles request {@code i} of the batch: adds its answer to the batch and calls {@link #answered}, or leaves it to be
     * answered later.
     *
     * @param sequence its number in the journal
     */
    abstract void handle(int i, long sequence) throws Exception;

    /** Returns whether a request is done as soon as it was fetched: nothing is waited for, and no code of a user is run. */
    abstract boolean isImmediate();

    /** Sets the thread that runs {@link #serve()}; null when it no longer does. */
    final void setThread(Thread thread) {
        this.thread = thread;
    }

    final Thread thread() {
        return thread;
    }

    /** Returns whether no request has come for {@link Serving#LINGER}, and none is being handled. */
    final boolean isIdle() {
        long since = idleSince.get();
        return since != BUSY && System.nanoTime() - since >= Serving.LINGER.toNanos();
    }

    /** Returns whether the device has ended. */
    final boolean ended() {
        return ended;
    }

    /**
     * Serves until the worker may leave, the device has ended, or the module refuses.
     *
     * @return whether this ended because the worker {@linkplain Serving#mayLeave may leave}
     */
    final boolean serve() {
        long patience = serving.patience();
        long last = System.nanoTime();
        while (true) {
            idleSince.lazySet(last);
            int requests;
            try {
                prepareIntake();
                requests = call(reading >= 0 && patience < 0 ? Serving.LINGER.toNanos() : patience);
            } catch (ControlException e) {
                serving.unservable(e);
                return false;
            } catch (Throwable t) {
                // The answers are still in the batch and go with the next call.
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
            fetchedAt = batch.fetchedAt(0);
            last = fetchedAt;
            for (int i = 0; i < requests; i++) {
                take(i);
            }
            handOver();
        }
    }

    /**
     * Chooses where the data of the next writes goes: behind what is already in a chunk. A handler that looks at the
     * data too late still sees it, until the journal drops it.
     */
    private void prepareIntake() {
        int longest = parts.kernel().maxIo();
        if (intake == null || intake.room() < longest) {
            memory.giveBack(intake);
            intake = null;
            try {
                intake = longest > Chunk.SIZE / 2 ? null : memory.take(longest);
            } catch (BlockIOException e) {
                // Each write that needs memory will fail then; the others do not.
                failures.add(e);
            }
        }
        if (intake != null && brought > 0) {
            intake.touch(brought);
        }
        brought = 0;
    }

    private int call(long patience) {
        return intake == null
                ? batch.serve(session, fetched, patience, late)
                : batch.serve(
                        session,
                        intake.memory(),
                        intake.used(),
                        Math.min(intake.room(), fetched.size()),
                        patience,
                        late);
    }

    /** Gives back the memory the worker serves with. No thread may be in {@link #serve()}. */
    final void close() {
        memory.giveBack(intake);
        intake = null;
        if (reading >= 0) {
            memory.exit(reading);
            reading = -1;
        }
        buffers.release(fetched);
        if (batch.hasNoAnswers()) {
            serving.batches().release(batch);
        }
    }

    /** Records and handles a request. Must not throw. */
    private void take(int i) {
        long sequence = NOT_RECORDED;
        try {
            count(i);
            operation(batch.operation(i));
            sequence = journal.begin(
                    batch.issuedAt(i),
                    batch.operation(i),
                    batch.flags(i),
                    batch.offset(i),
                    batch.length(i),
                    batch.queue(i),
                    batch.hints(i));
            if (batch.operation(i) == Batch.OP_WRITE || batch.operation(i) == Batch.OP_ZONE_APPEND) {
                brought += (int) batch.length(i);
                if (!journal.wantsData(Batch.OP_WRITE)) {
                    // Nobody wants it here.
                } else if (intake == null) {
                    journal.data(sequence, fetched.buffer(), indexOf(i), (int) batch.length(i));
                } else {
                    journal.data(sequence, intake, indexOf(i), (int) batch.length(i));
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

    /** Returns the buffer that has the data of the current writes, each at its {@link #indexOf}. */
    final ByteBuffer data() {
        return intake == null ? fetched.buffer() : intake.buffer();
    }

    /** Returns where in {@link #data()} the data of request {@code i} starts. */
    final int indexOf(int i) {
        return (int) (batch.data(i) - (intake == null ? fetched : intake.memory()).address());
    }

    /** Returns the chunk that has the data of the current writes; null if it is not in a chunk. */
    final Chunk intake() {
        return intake;
    }

    /** Keeps what is found of the disk's content from now on until the answers in the batch are given. */
    final void beginReading() {
        if (reading < 0) {
            reading = memory.enter();
        }
    }

    /** Returns whether the journal wants the data of reads. */
    final boolean recordsReads() {
        return journal.wantsData(Batch.OP_READ);
    }

    /** Shows a request to the fault rules; returns whether they have taken it, and answer it now or later. */
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
                request.keep();
            }
            return taken;
        } finally {
            diverted = null;
        }
    }

    /** Returns whether the current thread handles this request, so that the answer can go with the next call. */
    final boolean isHandling(DivertedRequest request) {
        return diverted == request && isHere();
    }

    /** Returns whether the current thread runs this worker. */
    final boolean isHere() {
        return thread == Thread.currentThread();
    }

    /** Adds the answer to the next call to the kernel; {@code data} is not reused before that call. */
    final void answerWithNextCall(DivertedRequest request, Answer answer, NativeMemory data) {
        if (request.info().operation() == Operation.READ && data != null && answer.firstError() == null) {
            noteRead(request.sequence(), data.address(), request.info().length());
        }
        request.addParts(answer, batch, data, () -> {});
        // No ticket: the request has already completed its writes in the cache.
        answered(request.sequence(), 0, answer.firstError(), answer.rules());
        if (data != null) {
            releaseWhenTaken(data);
        }
    }

    /** Records the data of a read, which is at this address. */
    final void noteRead(long sequence, long address, long length) {
        filters.noteRead(sequence, address, length);
    }

    /** Records the offset at which a zone append put its data. */
    final void noteAppend(long sequence, long offset) {
        journal.appended(sequence, offset);
    }

    /** Notes that the answer to a request was added to the batch. */
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

    /** Releases this memory after the call that gives the answers in the batch. */
    final void releaseWhenTaken(NativeMemory memory) {
        answered.add(memory);
    }

    private void releaseAnswered() {
        if (reading >= 0) {
            memory.exit(reading);
            reading = -1;
        }
        try {
            for (int i = 0; i < answered.size(); i++) {
                buffers.release(answered.get(i));
            }
        } catch (Throwable t) {
            // The garbage collector frees what the pool does not get back.
            failures.add(t);
        }
        answered.clear();
    }

    /** Completes the requests whose answers are about to be given. Must not throw. */
    private void handOver() {
        if (answers == 0) {
            return;
        }
        try {
            complete();
        } catch (Throwable t) {
            // It is unknown which of the requests were completed.
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
        // To look at the clock is a system call in User Mode Linux.
        journal.endAll(sequences, answers, isImmediate() ? fetchedAt : System.nanoTime(), errors, rules);
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
                // Other operations are not counted.
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

    /** Returns the error of a request whose handling threw this. */
    static Errno errno(Throwable thrown) {
        return Failures.errno(thrown);
    }

    /** Returns the write cache's position when the current requests came. */
    final long position() {
        return position;
    }

    /** Returns when the current requests came, by {@link System#nanoTime()}. */
    final long fetchedAt() {
        return fetchedAt;
    }

    /** Fails request {@code i}, whose handling threw this. Must not throw, even if memory is short. */
    private void failRequest(int i, long sequence, Throwable thrown) {
        batch.answerError(batch.cookie(i), errno(thrown).number());
        answered(sequence, 0, errno(thrown));
        try {
            counters.errors.increment();
            filters.thrown(thrown, position);
        } catch (Throwable t) {
            failures.add(t);
        }
    }
}
