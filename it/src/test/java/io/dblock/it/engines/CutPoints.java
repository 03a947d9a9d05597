// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.engines;

import io.dblock.fault.Fault;
import io.dblock.fault.FaultBuilder;
import java.time.Duration;
import java.util.concurrent.FutureTask;

/** Stops an engine's work at requests of its disk, to see what a power cut would leave there. */
final class CutPoints {
    private static final Duration LIMIT = Duration.ofMinutes(2);

    private CutPoints() {}

    /** Code that may fail. */
    @FunctionalInterface
    interface Step {
        void run() throws Exception;
    }

    /**
     * Runs {@code look} at each request of the work that the rule matches, and once more when the work is done. The request
     * waits meanwhile. Work that makes no such request is only looked at when it is done.
     */
    static void during(Step work, FaultBuilder requests, Step look) throws Exception {
        FutureTask<Void> done = new FutureTask<>(() -> {
            work.run();
            return null;
        });
        Thread worker = new Thread(done, "work");
        try (Fault held = requests.lenient().hold()) {
            worker.start();
            for (long seen = 0; held.awaitHits(seen + 1, done, LIMIT); ) {
                seen = held.hits();
                look.run();
                held.release();
            }
        } finally {
            worker.join(LIMIT.toMillis());
        }
        look.run();
    }
}
