// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.mapped;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/** Garbage collections by a thread of its own, half of the time, for as long as it is open. */
final class ForcedCollections implements AutoCloseable {
    /** A collection may itself wait for a disk. */
    private static final Duration END = Duration.ofMinutes(2);

    private final AtomicInteger done = new AtomicInteger();
    private final Thread thread = new Thread(this::collect, "forced collections");
    private volatile boolean over;

    /** Starts them. */
    ForcedCollections() {
        thread.setDaemon(true);
        thread.start();
    }

    private void collect() {
        while (!over) {
            long start = System.nanoTime();
            System.gc();
            done.incrementAndGet();
            // All other threads have waited: let them do something to wait for.
            LockSupport.parkNanos(System.nanoTime() - start);
        }
    }

    /** How many there have been. */
    int done() {
        return done.get();
    }

    @Override
    public void close() {
        over = true;
        try {
            thread.join(END.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return;
        }
        if (thread.isAlive()) {
            throw new AssertionError("A garbage collection had not ended after " + END);
        }
    }
}
