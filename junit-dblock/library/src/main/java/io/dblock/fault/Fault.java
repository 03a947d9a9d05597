// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.Future;

/**
 * An armed rule. Closing it removes the rule, so a rule can be armed for a scope:
 *
 * <pre>{@code
 * try (Fault bad = disk.faults().on(WRITE).sectors(8, 15).fail(EIO)) {
 *     ...
 *     assertThat(bad.hits()).isEqualTo(1);
 * }
 * }</pre>
 *
 * <p>Safe for use by several threads, while I/O runs.
 */
public interface Fault extends AutoCloseable {

    /** Returns the name of the rule: the given one, or one like {@code fault-1}. */
    String name();

    /** Returns the rule as it is now, with its name. */
    FaultRule rule();

    /** Returns whether the rule is still armed. */
    boolean isArmed();

    /**
     * Returns how many requests the rule has acted on since it was armed, replacements included. A held or delayed
     * request counts from the start of the hold or delay. Any other request counts when its fate is decided, which is
     * before it is answered. These are requests, not sectors: the kernel merges and splits an application's writes.
     */
    long hits();

    /** Waits until the rule has acted on a request; see {@link #awaitHits}. */
    default void awaitHit(Duration timeout) throws InterruptedException {
        awaitHits(1, timeout);
    }

    /**
     * Waits until the rule has acted on {@code count} requests since it was armed. A held request is then among
     * {@link #held()}.
     *
     * @param count at least 1: every rule has acted on at least none
     * @throws AssertionError if the time is over or the rule is removed before that; the message has the requests the
     *     device got instead
     * @throws IllegalArgumentException if {@code count} is less than 1
     */
    void awaitHits(long count, Duration timeout) throws InterruptedException;

    /** Waits for a request or the end of the workload, see {@link #awaitHits(long, Future, Duration)}. */
    default boolean awaitHit(Future<?> workload, Duration timeout) throws Exception {
        return awaitHits(1, workload, timeout);
    }

    /** Waits for a request or the end of the workload, see {@link #awaitHits(long, Thread, Duration)}. */
    default boolean awaitHit(Thread workload, Duration timeout) throws Exception {
        return awaitHits(1, workload, timeout);
    }

    /**
     * Waits until the rule has acted on {@code count} requests since it was armed, or until the workload has ended,
     * whichever is first. So a test can go from one request to the next until there are no more:
     *
     * <pre>{@code
     * Fault held = disk.faults().on(FLUSH).hold();
     * CompletableFuture<Void> workload = CompletableFuture.runAsync(() -> commitAll(disk));
     * for (int n = 1; held.awaitHits(n, workload, Duration.ofSeconds(60)); n++) {
     *     ... // the n-th flush is held
     *     held.release();
     * }
     * }</pre>
     *
     * <p>The end of the workload is looked for every few milliseconds, and so are the hits. Does not cancel the
     * workload.
     *
     * @param count at least 1: every rule has acted on at least none
     * @param workload what makes the requests: a task of an executor, a {@code CompletableFuture}, or the
     *     {@code onExit()} of a process
     * @return true if the rule has acted on that many requests, even if the workload has ended or failed meanwhile;
     *     false if the workload has ended without an exception before that
     * @throws Exception what the workload has thrown, if it has failed before that; a
     *     {@link java.util.concurrent.CancellationException} if it was cancelled
     * @throws InterruptedException if this thread is interrupted
     * @throws AssertionError if the time is over or the rule is removed before either; the message has the requests the
     *     device got instead
     * @throws IllegalArgumentException if {@code count} is less than 1
     */
    default boolean awaitHits(long count, Future<?> workload, Duration timeout) throws Exception {
        return HitOrEnd.await(this, count, HitOrEnd.of(workload), timeout);
    }

    /**
     * Waits until the rule has acted on {@code count} requests since it was armed, or until the thread has ended,
     * whichever is first. The same as {@link #awaitHits(long, Future, Duration)}, but what the thread has thrown is not
     * known here: its {@link Thread.UncaughtExceptionHandler} gets that.
     *
     * @throws IllegalArgumentException if {@code count} is less than 1, or if the thread has not been started
     */
    default boolean awaitHits(long count, Thread workload, Duration timeout) throws Exception {
        return HitOrEnd.await(this, count, HitOrEnd.of(workload), timeout);
    }

    /** Returns the requests that the rule holds now, in the order in which they came. */
    List<HeldRequest> held();

    /** Releases all requests that the rule holds, in the order in which they came. */
    void release();

    /**
     * Replaces the rule. Its place among the rules and its name stay. Requests that it holds or delays stay held or
     * delayed if the new rule does the same; otherwise they go on. {@code after} and {@code times} count anew, and
     * {@link #hits()} goes on. If the action is the same, what a medium error or a full disk knows of the sectors
     * stays.
     *
     * @throws IllegalArgumentException if the new rule has another name (an empty one is allowed), or does not fit this
     *     device
     * @throws IllegalStateException if the rule is no longer armed
     */
    void replace(FaultRule rule);

    /**
     * Removes the rule. Once this has returned, the rule acts on no request. Requests that it holds or delays go on.
     */
    @Override
    void close();
}
