// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.internal.fault.Disk;
import io.dblock.internal.fault.FaultFilter;
import io.dblock.internal.journal.JournalRing;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.NativeMemory;
import io.dblock.internal.store.BlockLog;
import io.dblock.internal.store.Chunk;
import io.dblock.internal.store.Parts;
import io.dblock.internal.store.WriteCache;
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
final class Worker {
    static final long NOT_RECORDED = JournalRing.NOT_RECORDED;

    /** How much memory there is for the data of writes, if several requests are fetched at once. */
    private static final int BUFFER = 1 << 20;

    private static final long BUSY = Long.MIN_VALUE;
    private static final long PAUSE = TimeUnit.MILLISECONDS.toNanos(10);

    private final DeviceParts parts;
    private final Disk disk;
    private final Failures failures;
    private final BufferPool buffers;
    private final Batch batch;
    /** How much data a request has at most, in bytes. */
    private final int longest;
    /** The buffer for the data of writes without an {@link #intake}. */
    private final NativeMemory fetched;

    private final WriteCache cache;
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

    /** Where the data of the last read is that is answered in place. */
    private final Parts found = new Parts();

    private long position;
    private long fetchedAt;
    /** The request that is being handled. */
    private Request current;
    /** A request to be used again; null if somebody else has got the last one. */
    private Request spare;
    /** How long this waits for a request before it may leave, in nanoseconds. */
    private final long linger;
    /** When the last requests came, or {@link #BUSY} while requests are handled. */
    private final AtomicLong idleSince = new AtomicLong();

    private boolean ended;
    private volatile Thread thread;

    Worker(DeviceParts parts, int queue) {
        this.parts = parts;
        KernelDevice kernel = parts.kernel();
        failures = parts.failures();
        serving = parts.serving();
        buffers = serving.buffers();
        session = kernel.session();
        counters = parts.counters();
        filters = parts.filters();
        journal = filters.journal();
        faults = filters.faults();
        cache = filters.cache();
        disk = filters.disk();
        memory = disk.isBuiltIn() ? disk.memory() : journal.memory();
        // Otherwise one at a time, so that no answer waits until another request is handled.
        int batchSize = disk.isQuick() ? Math.min(BatchPool.CAPACITY, kernel.depth()) : 1;
        longest = kernel.maxIo();
        int size = Math.max(disk.isQuick() ? BUFFER : 0, longest);
        fetched = putsIntoChunks() ? buffers.reserve(size) : buffers.take(size);
        batch = serving.batches().take(kernel.id(), queue, batchSize);
        Answerer answerer = parts.answerer();
        late = cookie -> answerer.answeredLate();
        linger = serving.linger().toNanos();
        sequences = new long[batchSize];
        tickets = new long[batchSize];
        errors = new int[batchSize];
        rules = new ArrayList<>(Collections.nCopies(batchSize, List.of()));
    }

    /** Sets the thread that runs {@link #serve()}; null when it no longer does. */
    void setThread(Thread thread) {
        this.thread = thread;
    }

    Thread thread() {
        return thread;
    }

    /** Returns whether no request has come for {@link Serving#linger()}, and none is being handled. */
    boolean isIdle() {
        long since = idleSince.get();
        return since != BUSY && System.nanoTime() - since >= linger;
    }

    /** Returns whether the device has ended. */
    boolean ended() {
        return ended;
    }

    /**
     * Serves until the worker may leave, the device has ended, or the module refuses.
     *
     * @return whether this ended because the worker {@linkplain Serving#mayLeave may leave}
     */
    boolean serve() {
        long patience = serving.patience();
        long last = System.nanoTime();
        while (true) {
            idleSince.lazySet(last);
            int requests;
            try {
                prepareIntake();
                // No memory is used again as long as somebody reads.
                requests = call(reading >= 0 ? Serving.LINGER.toNanos() : patience);
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
                if (serving.mayLeave()) {
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

    /** Returns whether there is an {@link #intake} as long as there is memory. */
    private boolean putsIntoChunks() {
        return longest <= Chunk.SIZE / 2;
    }

    /**
     * Chooses where the data of the next writes goes: behind what is already in a chunk. A handler that looks at the
     * data too late still sees it, until the journal drops it.
     */
    private void prepareIntake() {
        if (intake == null || intake.room() < longest) {
            memory.giveBack(intake);
            intake = null;
            try {
                intake = putsIntoChunks() ? memory.take(longest) : null;
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
    void close() {
        memory.giveBack(intake);
        intake = null;
        if (reading >= 0) {
            memory.exit(reading);
            reading = -1;
        }
        if (putsIntoChunks()) {
            buffers.releaseReserved(fetched);
        } else {
            buffers.release(fetched);
        }
        if (batch.hasNoAnswers()) {
            serving.batches().release(batch);
        }
    }

    /** Records and handles a request. Must not throw. */
    private void take(int i) {
        Request request = spare;
        spare = null;
        try {
            if (request == null) {
                request = new Request(parts, this);
            }
            request.begin(i, position, fetchedAt);
            current = request;
            count(i);
            record(i, request);
            boolean passes = faults.isEmpty() || !faults.handle(request, disk);
            if (passes && disk.handle(request)) {
                request.done();
                spare = request;
            }
        } catch (Throwable t) {
            fail(i, request, t);
        } finally {
            current = null;
        }
    }

    private void record(int i, Request request) {
        long sequence = journal.begin(
                batch.issuedAt(i),
                batch.operation(i),
                batch.flags(i),
                batch.offset(i),
                batch.length(i),
                batch.queue(i),
                batch.hints(i));
        request.recorded(sequence);
        if (!request.isFrom()) {
            return;
        }
        int length = (int) batch.length(i);
        int index = (int) (batch.data(i) - (intake == null ? fetched : intake.memory()).address());
        request.brings(intake == null ? fetched.buffer() : intake.buffer(), index, intake);
        brought += length;
        if (!journal.wantsData(Batch.OP_WRITE)) {
            // Nobody wants it here.
        } else if (intake == null) {
            journal.data(sequence, fetched.buffer(), index, length);
        } else {
            journal.data(sequence, intake, index, length);
        }
    }

    /** Fails request {@code i}, whose handling threw this. Must not throw, even if memory is short. */
    private void fail(int i, Request request, Throwable thrown) {
        Errno errno = Failures.errno(thrown);
        boolean open = true;
        if (request == null) {
            batch.answerError(batch.cookie(i), errno.number());
            answered(NOT_RECORDED, 0, errno, List.of());
        } else {
            open = request.failIfOpenWithNextCall(errno);
        }
        try {
            filters.thrown(thrown, position);
            if (open) {
                counters.errors.increment();
                if (request != null) {
                    request.release();
                }
            }
        } catch (Throwable t) {
            failures.add(t);
        }
    }

    // ---- for requests ----

    Disk disk() {
        return disk;
    }

    Batch batch() {
        return batch;
    }

    BufferPool buffers() {
        return buffers;
    }

    /** Returns whether the current thread handles this request, so that the answer can go with the next call. */
    boolean isHandling(Request request) {
        return current == request && thread == Thread.currentThread();
    }

    /**
     * Keeps what is found of the disk's content from now on until the answers in the batch are given.
     *
     * @return what to note the places in, see {@link #found}
     */
    Parts beginReading() {
        if (reading < 0) {
            reading = memory.enter();
        }
        return found;
    }

    /** Returns where the data of the last read is that is answered in place. */
    Parts found() {
        return found;
    }

    /** Notes that the answer to a request was added to the batch. */
    void answered(long sequence, long ticket, Errno errno, List<String> by) {
        sequences[answers] = sequence;
        tickets[answers] = ticket;
        errors[answers] = errno == null ? 0 : errno.number();
        if (!by.isEmpty() || !rules.get(answers).isEmpty()) {
            rules.set(answers, by);
        }
        answers++;
    }

    /** Releases this memory after the call that gives the answers in the batch. */
    void releaseWhenTaken(NativeMemory memory) {
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
        journal.endAll(sequences, answers, disk.isQuick() ? fetchedAt : System.nanoTime(), errors, rules);
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
}
