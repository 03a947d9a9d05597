// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.internal.kernel.Batch;
import java.util.concurrent.atomic.AtomicInteger;

/** Gives the kernel those answers that do not go with a worker's next call, in the thread that answers the request. */
final class Answerer {
    private static final int CLOSED = Integer.MIN_VALUE;

    private final KernelDevice kernel;
    private final Counters counters;
    private final Failures failures;
    private final Serving serving;
    /** How many threads are in {@link #answerNow}, plus {@link #CLOSED} once no further one may give answers. */
    private final AtomicInteger answering = new AtomicInteger();

    Answerer(KernelDevice kernel, Counters counters, Failures failures, Serving serving) {
        this.kernel = kernel;
        this.counters = counters;
        this.failures = failures;
        this.serving = serving;
    }

    /** Adds answers to a batch. {@code give} gives the answers already in it, to make room. */
    interface Answers {
        void addTo(Batch batch, Runnable give);
    }

    /** Gives the answers to one request at once, and fetches no request. */
    void answerNow(Answers answers) {
        if (answering.incrementAndGet() < 0) {
            answering.decrementAndGet();
            return; // The device has ended, and its requests with it.
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

    /** Counts an answer that the kernel refused as too late, and reports it as a failure of the device. */
    void answeredLate() {
        try {
            if (kernel.isEnding()) {
                return; // The device's end has ended every request, so a late answer is no failure.
            }
            counters.lateAnswers.increment();
            failures.add(new BlockIOException(
                    Errno.ETIMEDOUT,
                    "An answer came too late: the kernel had given up on the request after "
                            + kernel.parameters().timeoutMillis()
                            + " ms. Answer earlier, or give the device a longer requestTimeout."));
        } catch (OutOfMemoryError e) {
            // The answers after this one must still be given.
            failures.add(e);
        }
    }

    /** Drops every later answer. Call once. */
    void close() {
        answering.addAndGet(CLOSED);
    }

    /** Returns whether this is closed and no thread gives an answer any longer: true a moment after {@link #close()}. */
    boolean isDone() {
        return answering.get() == CLOSED;
    }
}
