// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.internal.kernel.Batch;
import java.util.concurrent.atomic.AtomicInteger;

/** Gives the answers that do not go with a worker's next call to the kernel, from whichever thread has them. */
final class Answerer {
    private static final int CLOSED = Integer.MIN_VALUE;

    private final KernelDevice kernel;
    private final Counters counters;
    private final Failures failures;
    private final Serving serving;
    /** How many threads are in {@link #answerNow}; with {@link #CLOSED} added when no further one may come. */
    private final AtomicInteger answering = new AtomicInteger();

    Answerer(KernelDevice kernel, Counters counters, Failures failures, Serving serving) {
        this.kernel = kernel;
        this.counters = counters;
        this.failures = failures;
        this.serving = serving;
    }

    /** Adds answers to a batch; {@code give} gives those in it, to make room. */
    interface Answers {
        void addTo(Batch batch, Runnable give);
    }

    /** Gives answers to one request, without waiting for requests. */
    void answerNow(Answers answers) {
        if (answering.incrementAndGet() < 0) {
            answering.decrementAndGet();
            return; // The device is gone, the request with it.
        }
        try {
            Batch batch = serving.batches().take(kernel.id(), -1, 0);
            boolean[] late = new boolean[1];
            Runnable give = () -> batch.giveAnswers(kernel.session(), cookie -> late[0] = true);
            answers.addTo(batch, give);
            give.run();
            if (late[0]) {
                answeredLate();
            }
            serving.batches().release(batch);
        } finally {
            answering.decrementAndGet();
        }
    }

    /** The kernel did not want an answer any more, whoever gave it. */
    void answeredLate() {
        try {
            if (kernel.isEnding()) {
                return; // The device's end has ended every request; that is nobody's fault.
            }
            counters.lateAnswers.increment();
            failures.add(new BlockIOException(
                    Errno.ETIMEDOUT,
                    "An answer came too late: the kernel had given up on the request after "
                            + kernel.parameters().timeoutMillis()
                            + " ms. Answer earlier, or give the device a longer requestTimeout."));
        } catch (OutOfMemoryError e) {
            // The answers behind this one have to be given all the same.
            failures.add(e);
        }
    }

    /** No further answer is given. Call once. */
    void close() {
        answering.addAndGet(CLOSED);
    }

    /** Whether it is closed and no thread gives answers any more, which takes a moment only. */
    boolean isDone() {
        return answering.get() == CLOSED;
    }
}
