// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import io.dblock.kernel.Command;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntSupplier;

/** Runs a system call that cannot be interrupted in a thread of its own, and waits for it for a limited time. */
final class Bounded {
    private Bounded() {}

    /**
     * The call's result.
     *
     * @throws DblockException if it has not returned within {@link Command#timeout()}
     */
    static int call(String what, IntSupplier call) {
        Duration limit = Command.timeout();
        AtomicInteger result = new AtomicInteger();
        Thread thread = new Thread(() -> result.set(call.getAsInt()), "junit-dblock " + what);
        thread.setDaemon(true);
        thread.start();
        boolean interrupted = false;
        long deadline = System.nanoTime() + limit.toNanos();
        while (thread.isAlive()) {
            long left = Duration.ofNanos(deadline - System.nanoTime()).toMillis();
            if (left <= 0) {
                throw new DblockException(
                        what + " has not ended within " + limit.toSeconds() + " s: the disk does not answer.");
            }
            try {
                thread.join(left);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return result.get();
    }
}
