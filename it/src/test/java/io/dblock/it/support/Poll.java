// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;

/** Waits for an event instead of sleeping. */
public final class Poll {

    private static final Duration INTERVAL = Duration.ofMillis(20);

    private Poll() {}

    /**
     * Returns how long it took until the condition held.
     *
     * @throws AssertionError naming {@code what}, if it did not within {@code limit}
     */
    public static Duration until(String what, Duration limit, Callable<Boolean> condition) {
        long start = System.nanoTime();
        try {
            while (!condition.call()) {
                if (System.nanoTime() - start > limit.toNanos()) {
                    throw new AssertionError("Waited " + limit + " in vain for: " + what);
                }
                LockSupport.parkNanos(INTERVAL.toNanos());
            }
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError("Waiting for: " + what, e);
        }
        return Duration.ofNanos(System.nanoTime() - start);
    }
}
