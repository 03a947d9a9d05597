// SPDX-License-Identifier: Apache-2.0
package io.dblock.crash;

import java.time.Duration;
import java.util.Objects;
import java.util.function.Consumer;

/** The run of a crash test's workload. Safe for use by several threads. */
public final class CrashRun {
    private final Consumer<Object> acknowledge;

    CrashRun(Consumer<Object> acknowledge) {
        this.acknowledge = acknowledge;
    }

    /**
     * Says that something has to survive from now on, such as the number of a transaction that is committed. To say it later
     * than one could is safe: then it need not survive the power cuts in between.
     */
    public void acknowledge(Object what) {
        acknowledge.accept(Objects.requireNonNull(what, "what"));
    }

    /**
     * Waits for the end of a process that uses the disk, and acknowledges each line that it prints to its standard output,
     * as a {@code String} without the end of the line. A line counts from when it has been read, which is never before the
     * process has printed it. Its standard error is not read: redirect it, to the test's own for example.
     *
     * @param limit how long it may take; then it is killed
     * @throws IllegalStateException if the process is not done by then, or ends with another status than 0
     */
    public void follow(Process process, Duration limit) throws InterruptedException {
        FollowedProcess.follow(process, limit, acknowledge);
    }
}
