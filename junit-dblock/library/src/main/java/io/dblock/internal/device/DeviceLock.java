// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/** Lets one thread at a time change the mounts of a device. The holder may wait for the disk for ever. */
final class DeviceLock {
    private static final class Lock extends ReentrantLock {
        private static final long serialVersionUID = 1L;

        String holder() {
            Thread owner = getOwner();
            return owner == null ? "a thread" : "thread \"" + owner.getName() + "\"";
        }
    }

    private final Lock lock = new Lock();

    /** Runs {@code work} while no other thread holds the lock, and returns its result. */
    <T> T with(Supplier<T> work) {
        lock.lock();
        try {
            return work.get();
        } finally {
            lock.unlock();
        }
    }

    /** Runs {@code work} while no other thread holds the lock. */
    void run(Runnable work) {
        with(() -> {
            work.run();
            return true;
        });
    }

    /** Takes the lock, and returns whether that was possible within this time. An interrupt does not shorten the wait. */
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

    /** Returns the holder of the lock, for messages. */
    String holder() {
        return lock.holder();
    }
}
