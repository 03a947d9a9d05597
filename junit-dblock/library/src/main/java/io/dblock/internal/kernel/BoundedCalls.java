// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/** Calls that may never return, each in its own thread, which is abandoned when its time is over. */
public final class BoundedCalls {
    private BoundedCalls() {}

    /** Starts a call. */
    public static <T> Future<T> start(String what, Supplier<T> call) {
        FutureTask<T> task = new FutureTask<>(call::get);
        Thread thread = new Thread(task, "junit-dblock watchdog " + what);
        thread.setDaemon(true);
        thread.start();
        return task;
    }

    /** Returns the result of a call; empty if it has not returned by then or has thrown. */
    public static <T> Optional<T> await(Future<T> call, long deadline) {
        try {
            return Optional.of(call.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS));
        } catch (TimeoutException | ExecutionException e) {
            return Optional.empty();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
    }

    /** Makes a call and returns its result; empty if it does not return within this time or throws. */
    public static <T> Optional<T> call(String what, Supplier<T> call, Duration limit) {
        return await(start(what, call), System.nanoTime() + limit.toNanos());
    }
}
