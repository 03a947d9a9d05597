// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import io.dblock.DblockException;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/** A call that nothing can interrupt, such as a system call: in a thread of its own, waited for for a limited time. */
public final class Bounded<T> {
    private final String what;
    private final FutureTask<T> task;

    private Bounded(String what, Supplier<T> call) {
        this.what = what;
        task = new FutureTask<>(call::get);
    }

    /** Starts a call, which errors name like this. */
    public static <T> Bounded<T> start(String what, Supplier<T> call) {
        Bounded<T> bounded = new Bounded<>(what, call);
        Thread thread = new Thread(bounded.task, "junit-dblock " + what);
        thread.setDaemon(true);
        thread.start();
        return bounded;
    }

    /**
     * The call's result.
     *
     * @throws DblockException if it has not returned within {@link Command#timeout()}, or if this thread is interrupted,
     *     which it then still is; the call goes on
     */
    public static <T> T call(String what, Supplier<T> call) {
        Bounded<T> bounded = start(what, call);
        Duration limit = Command.timeout();
        try {
            bounded.task.get(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException | ExecutionException e) {
            // Told below.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DblockException("Interrupted while waiting for " + what + ".", e);
        }
        return bounded.result(limit);
    }

    /** Whether it has ended within this time. An interrupt of this thread is noted, and shortens nothing. */
    public boolean awaitEnd(Duration atMost) {
        long deadline = System.nanoTime() + atMost.toNanos();
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    task.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
                    return true;
                } catch (InterruptedException e) {
                    interrupted = true;
                } catch (ExecutionException e) {
                    return true;
                } catch (TimeoutException e) {
                    return false;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /**
     * What it has returned, or throws what it has thrown.
     *
     * @param waited how long it has been waited for, for the error if it has not ended
     */
    public T result(Duration waited) {
        if (!task.isDone()) {
            throw new DblockException(
                    what + " has not ended within " + waited.toSeconds() + " s: the disk does not answer.");
        }
        boolean interrupted = Thread.interrupted();
        try {
            return task.get();
        } catch (InterruptedException e) {
            throw new AssertionError("a task that is done needs no waiting for", e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof DblockException failure) {
                throw failure;
            }
            throw new DblockException(what + " failed: " + e.getCause(), e.getCause());
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
