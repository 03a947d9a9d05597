// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/** Keeps what changes a device's mounts to one thread at a time. The holder may be waiting for the disk for ever. */
final class DeviceLock {
    private static final class Lock extends ReentrantLock {
        private static final long serialVersionUID = 1L;

        String holder() {
            Thread owner = getOwner();
            return owner == null ? "a thread" : "thread \"" + owner.getName() + "\"";
        }
    }

    private final Lock lock = new Lock();

    /** Runs this alone. */
    <T> T with(Supplier<T> work) {
        lock.lock();
        try {
            return work.get();
        } finally {
            lock.unlock();
        }
    }

    /** The same without a result. */
    void run(Runnable work) {
        with(() -> {
            work.run();
            return true;
        });
    }

    /** Takes it, if that is possible within this time. Interrupts are noted and shorten nothing. */
    boolean take(Duration atMost) {
        long deadline = System.nanoTime() + atMost.toNanos();
        boolean interrupted = Thread.interrupted();
        try {
            while (true) {
                try {
                    return lock.tryLock(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    void giveBack() {
        lock.unlock();
    }

    /** Who has it, for messages. */
    String holder() {
        return lock.holder();
    }
}
