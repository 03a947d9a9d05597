// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import io.dblock.DblockException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/**
 * A call that cannot be interrupted, such as a system call. It runs in its own thread, and waits for it are limited. A thread
 * whose call has returned makes the next one, if that comes soon: the removal of a device makes several.
 */
public final class Bounded<T> {
    private static final ThreadPoolExecutor THREADS = new ThreadPoolExecutor(
            0, Integer.MAX_VALUE, 1, TimeUnit.SECONDS, new SynchronousQueue<>(), Bounded::daemon);

    private static final String IDLE = "junit-dblock spare";

    private final String what;
    private final FutureTask<T> task;

    private Bounded(String what, Supplier<T> call) {
        this.what = what;
        task = new FutureTask<>(call::get);
    }

    /** Starts a call; errors name it as {@code what}. */
    public static <T> Bounded<T> start(String what, Supplier<T> call) {
        Bounded<T> bounded = new Bounded<>(what, call);
        ClassLoader loader = Thread.currentThread().getContextClassLoader();
        THREADS.execute(() -> bounded.run(loader));
        return bounded;
    }

    private static Thread daemon(Runnable calls) {
        Thread thread = new Thread(null, calls, IDLE, 0, false);
        thread.setDaemon(true);
        thread.setContextClassLoader(ClassLoader.getSystemClassLoader());
        return thread;
    }

    private void run(ClassLoader loader) {
        Thread thread = Thread.currentThread();
        thread.setName("junit-dblock " + what);
        thread.setContextClassLoader(loader);
        task.run();
        thread.setName(IDLE);
        thread.setContextClassLoader(ClassLoader.getSystemClassLoader());
    }

    /**
     * Makes a call and returns its result.
     *
     * @throws DblockException if the call does not return within {@link Command#timeout()}, or this thread is
     *     interrupted, which it then remains. The call goes on
     */
    public static <T> T call(String what, Supplier<T> call) {
        Bounded<T> bounded = start(what, call);
        Duration limit = Command.timeout();
        try {
            bounded.task.get(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException | ExecutionException e) {
            // Reported below.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DblockException("Interrupted while waiting for " + what + ".", e);
        }
        return bounded.result(limit);
    }

    /**
     * Returns whether the call ends within this time. An interrupt of this thread is noted and does not shorten the
     * wait.
     */
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

    /** What it has returned by this {@link System#nanoTime()}; empty if it has not, has thrown, or this thread is interrupted. */
    public Optional<T> resultBy(long deadline) {
        try {
            return Optional.of(task.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS));
        } catch (TimeoutException | ExecutionException e) {
            return Optional.empty();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
    }

    /**
     * Returns what the call has returned, or throws what it has thrown.
     *
     * @param waited the time already waited, for the error if the call has not ended
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
