// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.times;

import java.io.IOException;

/** Waits without sleeping, for what is being timed. */
final class Spin {
    private static final long LIMIT_NANOS = 60_000_000_000L;

    private Spin() {}

    /** What is waited for. */
    interface Condition {
        boolean holds() throws IOException;
    }

    static void until(String what, Condition condition) throws IOException {
        long start = System.nanoTime();
        while (!condition.holds()) {
            if (System.nanoTime() - start > LIMIT_NANOS) {
                throw new AssertionError("Waited " + LIMIT_NANOS / 1_000_000_000 + " s in vain for: " + what);
            }
            Thread.onSpinWait();
        }
    }
}
