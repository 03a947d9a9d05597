// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.random.RandomGenerator;

/** Tries to unload the module all the time, as an impatient user does. The kernel has to refuse while it is in use. */
final class Unloader implements AutoCloseable {

    private static final int ENOENT = 2;
    private static final int MOST_MICROS = 20_000;

    private final AtomicInteger refused = new AtomicInteger();
    private final AtomicInteger unloaded = new AtomicInteger();
    private final Thread thread;
    private volatile boolean stopped;

    Unloader(RandomGenerator random) {
        thread = new Thread(
                () -> {
                    while (!stopped) {
                        int result = Kernel.unload("dblock");
                        if (result == 0) {
                            unloaded.incrementAndGet();
                        } else if (result != ENOENT) {
                            refused.incrementAndGet();
                        }
                        LockSupport.parkNanos(1000L * random.nextInt(MOST_MICROS));
                    }
                },
                "unloader");
        thread.setDaemon(true);
        thread.start();
    }

    int refused() {
        return refused.get();
    }

    int unloaded() {
        return unloaded.get();
    }

    @Override
    public void close() {
        stopped = true;
        try {
            thread.join(20_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (thread.isAlive()) {
            throw new AssertionError("Unloading the module has not returned for 20 s");
        }
    }
}
