// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.handler.BlockRequest;
import io.dblock.handler.Errno;
import io.dblock.handler.IoPriority;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestInfo;
import io.dblock.handler.WriteHint;
import io.dblock.internal.journal.Answer;
import io.dblock.internal.store.Chunk;
import io.dblock.internal.store.Parts;
import io.dblock.internal.store.WriteCache;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * Something that a {@link Disk} is to do: a request of the kernel, or a part of one that the rules have cut off. A user's
 * handler gets it as it is. Any thread may answer it, once. Until then it belongs to the code it was passed to.
 */
public abstract class DiskRequest implements BlockRequest {
    // Guarded by this. No answer is given to the kernel with the lock held.
    private boolean answered;

    /** Finds where in memory a range is; returns false if it can only be read. */
    @FunctionalInterface
    public interface Locator {
        /** As {@link WriteCache#locate}. */
        boolean locate(long offset, long length, long position, Parts found) throws IOException;
    }

    // ---- what is asked for ----

    /** Returns what is asked for. */
    public abstract RequestInfo info();

    @Override
    public Operation operation() {
        return info().operation();
    }

    @Override
    public long offset() {
        return info().offset();
    }

    @Override
    public long length() {
        return info().length();
    }

    @Override
    public Set<RequestFlag> flags() {
        return info().flags();
    }

    /** Returns whether the request has this flag. */
    public boolean has(RequestFlag flag) {
        return info().has(flag);
    }

    @Override
    public int queue() {
        return info().queue();
    }

    @Override
    public IoPriority priority() {
        return info().priority();
    }

    @Override
    public WriteHint writeHint() {
        return info().writeHint();
    }

    /** Returns the request's number in the journal. */
    public abstract long sequence();

    /**
     * Returns how many writes had been completed when the request came. A flush makes those durable, see
     * {@link WriteCache#position()}.
     */
    public abstract long position();

    /** Returns when the request reaches the disk, by {@link System#nanoTime()}. */
    public long nanos() {
        return System.nanoTime();
    }

    // ---- its data ----

    /**
     * Returns all data of the request, the same buffer at each call. For a write: what to write, read-only. For a read:
     * where to put it; a user's handler finds zeros there. Valid until the request is answered.
     *
     * @throws IllegalStateException if the operation has no data
     */
    @Override
    public abstract ByteBuffer data();

    /** Returns the chunk that has the data of this write, from {@link #index()} on; null if only {@link #data()} has it. */
    public Chunk chunk() {
        return null;
    }

    /** Returns where in its {@link #chunk()} the data starts. */
    public int index() {
        return 0;
    }

    /**
     * Keeps the data of a write until the answer. Called in the thread that has brought the request, before any other
     * may go on with it: that thread then uses the memory again.
     */
    public void keep() {
        // The data stays where it is.
    }

    /**
     * Answers this read with what is at the places in memory that {@code locator} finds, once the disk has done it.
     *
     * @return false if that is not possible: {@link #data()} is to be filled
     */
    public boolean readInPlace(Locator locator) throws IOException {
        return false;
    }

    // ---- what became of it ----

    /** Notes a write that went into the cache, unless it is 0. It is completed when the request is answered. */
    public abstract void addTicket(long ticket);

    /** Notes where this append to a zone was put, in bytes. */
    public void appendedAt(long offset) {
        throw new IllegalStateException(info() + " is not an append to a zone.");
    }

    /**
     * Answers the request.
     *
     * @throws IllegalStateException if the request was answered before
     */
    public final void answer(Answer answer) {
        if (!finish()) {
            throw new IllegalStateException(this + " was completed before. Complete each request once.");
        }
        deliver(answer);
    }

    @Override
    public final void complete() {
        answer(Answer.all(length(), null, List.of()));
    }

    @Override
    public final void fail(Errno errno) {
        answer(Answer.all(length(), Objects.requireNonNull(errno, "errno"), List.of()));
    }

    /** Fails the request unless it is answered already. */
    public final void failIfOpen(Errno errno) {
        if (finish()) {
            deliver(Answer.all(length(), errno, List.of()));
        }
    }

    /** Takes the right to answer the request; returns false if that is gone. */
    protected final synchronized boolean finish() {
        boolean first = !answered;
        answered = true;
        return first;
    }

    /** Returns whether the request is answered. */
    protected final synchronized boolean isAnswered() {
        return answered;
    }

    /** Passes the answer on. Called once, by the thread that answers. */
    protected abstract void deliver(Answer answer);

    @Override
    public final String toString() {
        return operation() + " of " + length() + " bytes at " + offset();
    }
}
