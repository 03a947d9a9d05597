// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Waits for a rule's hits or for the end of what makes the requests. Asks for both in turn, because the rule may be in
 * another process and the workload may be any {@link Future}.
 */
final class HitOrEnd {
    private static final long LONGEST_PAUSE = TimeUnit.MILLISECONDS.toNanos(10);
    private static final int SHOWN_FRAMES = 12;

    private HitOrEnd() {}

    /** What makes the requests. */
    interface Workload {
        /** Waits for the end of the workload for at most this time, and returns whether it has ended. */
        boolean endsWithin(long nanos) throws InterruptedException;

        /** Throws what the workload has thrown; returns if it has thrown nothing. It has ended. */
        void result() throws Exception;

        /** Returns what it is doing, for a message. */
        String state();
    }

    static Workload of(Future<?> future) {
        Objects.requireNonNull(future, "workload");
        return new Workload() {
            @Override
            public boolean endsWithin(long nanos) throws InterruptedException {
                if (future.isDone()) {
                    return true;
                }
                try {
                    future.get(nanos, TimeUnit.NANOSECONDS);
                } catch (TimeoutException | ExecutionException | RuntimeException e) {
                    // Thrown by result(), if the rule was not hit.
                }
                return future.isDone();
            }

            @Override
            public void result() throws Exception {
                try {
                    future.get();
                } catch (ExecutionException e) {
                    if (e.getCause() instanceof Error error) {
                        throw error;
                    }
                    throw e.getCause() instanceof Exception own ? own : e;
                }
            }

            @Override
            public String state() {
                return future.toString();
            }
        };
    }

    static Workload of(Thread thread) {
        Objects.requireNonNull(thread, "workload");
        if (thread.getState() == Thread.State.NEW) {
            throw new IllegalArgumentException("The workload is the thread \"" + thread.getName()
                    + "\", which has not been started. Allowed: a thread that runs or has ended; call start() first.");
        }
        return new Workload() {
            @Override
            public boolean endsWithin(long nanos) throws InterruptedException {
                if (nanos > 0) {
                    TimeUnit.NANOSECONDS.timedJoin(thread, nanos);
                }
                return !thread.isAlive();
            }

            @Override
            public void result() {
                // Its handler has what it has thrown.
            }

            @Override
            public String state() {
                return "thread \"" + thread.getName() + "\", " + thread.getState()
                        + Stream.of(thread.getStackTrace())
                                .limit(SHOWN_FRAMES)
                                .map(frame -> "\n    at " + frame)
                                .collect(Collectors.joining());
            }
        };
    }

    /** Does what {@link Fault#awaitHits(long, Future, Duration)} says. */
    static boolean await(Fault fault, long count, Workload workload, Duration timeout) throws Exception {
        if (count < 1) {
            throw new IllegalArgumentException(
                    "count is " + count + ". Allowed: at least 1 request; hits() says that there was none.");
        }
        long deadline = System.nanoTime() + timeout.toNanos();
        long pause = 0;
        while (true) {
            // In this order: the last request of a workload that has ended is then among the hits.
            boolean ended = workload.endsWithin(pause);
            boolean armed = fault.isArmed();
            if (fault.hits() >= count) {
                return true;
            }
            if (ended) {
                workload.result();
                return false;
            }
            if (!armed) {
                fault.awaitHits(count, Duration.ZERO); // It says so.
            }
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                throw neither(fault, count, workload, timeout);
            }
            pause = Math.min(Math.min(left, LONGEST_PAUSE), Math.max(2 * pause, TimeUnit.MILLISECONDS.toNanos(1)));
        }
    }

    private static AssertionError neither(Fault fault, long count, Workload workload, Duration timeout)
            throws InterruptedException {
        String state = workload.state();
        try {
            fault.awaitHits(count, Duration.ZERO);
        } catch (AssertionError e) {
            // It says what the device was asked instead.
            return new AssertionError(
                    "Within " + timeout.toMillis() + " ms neither has the workload ended (" + state
                            + "), nor has the rule acted on enough requests. " + e.getMessage(),
                    e);
        }
        return new AssertionError("The rule " + fault.rule() + " has acted on " + count + " requests only after "
                + timeout.toMillis() + " ms. Allow more time.");
    }
}
