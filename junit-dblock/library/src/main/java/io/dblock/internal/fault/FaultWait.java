// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.fault.Action;
import io.dblock.fault.HeldRequest;
import io.dblock.handler.Errno;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.fault.FaultPlan.Pause;
import java.time.Duration;
import java.util.concurrent.Future;

/**
 * A request that one rule keeps waiting. The thread that takes it from the rule ({@link FaultState#leave}) may end it.
 */
final class FaultWait implements HeldRequest {
    private final FaultRun run;
    private final Pause pause;
    private final long since = System.nanoTime();
    private volatile Future<?> timer;
    private volatile boolean over;

    FaultWait(FaultRun run, Pause pause) {
        this.run = run;
        this.pause = pause;
    }

    Pause pause() {
        return pause;
    }

    boolean held() {
        return pause.action() instanceof Action.Hold;
    }

    void timer(Future<?> newTimer) {
        timer = newTimer;
        if (over) {
            cancelTimer();
        }
    }

    /** Ends the wait because its time is over. */
    void expire() {
        if (pause.state().leave(this)) {
            run.waited();
        }
    }

    /** Ends the wait after the rule has released and forgotten it. */
    void released() {
        cancelTimer();
        run.waited();
    }

    /** Drops the wait because the request is answered. */
    void forget() {
        pause.state().leave(this);
        cancelTimer();
    }

    private void cancelTimer() {
        over = true;
        Future<?> current = timer;
        if (current != null) {
            current.cancel(false);
        }
    }

    @Override
    public RequestInfo info() {
        return run.info();
    }

    @Override
    public Duration heldFor() {
        return Duration.ofNanos(System.nanoTime() - since);
    }

    @Override
    public void release() {
        take();
        released();
    }

    @Override
    public void fail(Errno errno) {
        new Action.Fail(errno);
        take();
        run.fail(errno);
    }

    private void take() {
        if (!pause.state().leave(this)) {
            throw new IllegalStateException("The request " + FaultFilter.describe(info()) + " is no longer held by \""
                    + pause.state().name() + "\": it was released or failed before, or the rule was removed.");
        }
    }
}
