// SPDX-License-Identifier: Apache-2.0
package io.dblock.crash;

import java.io.BufferedReader;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/** A process whose lines are acknowledgements. */
final class FollowedProcess {

    private FollowedProcess() {}

    /**
     * Gives each line of a process to a consumer, until it has ended and nobody can print any more.
     *
     * @param limit how long that may take; then the process is killed
     * @throws IllegalStateException if it takes longer, or the process ends with another status than 0
     */
    static void follow(Process process, Duration limit, Consumer<Object> lines) throws InterruptedException {
        FutureTask<Long> reader = new FutureTask<>(() -> read(process, lines));
        Thread thread = new Thread(reader, "acknowledgements of process " + process.pid());
        thread.setDaemon(true);
        thread.start();
        long end = System.nanoTime() + limit.toNanos();
        try {
            long count = reader.get(limit.toNanos(), TimeUnit.NANOSECONDS);
            if (!process.waitFor(end - System.nanoTime(), TimeUnit.NANOSECONDS)) {
                throw late(process, limit);
            }
            if (process.exitValue() != 0) {
                throw new IllegalStateException("The process " + process.pid() + " has ended with status "
                        + process.exitValue() + " after it had printed " + count + " lines. Allowed: 0.");
            }
        } catch (TimeoutException e) {
            throw late(process, limit);
        } catch (ExecutionException e) {
            throw new IllegalStateException("The lines of the process " + process.pid() + " cannot be read.", e);
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
    }

    private static IllegalStateException late(Process process, Duration limit) {
        return new IllegalStateException("The process " + process.pid() + " has not ended and closed its output within "
                + limit + ", so it is killed. Allow more time, or see what it waits for.");
    }

    private static long read(Process process, Consumer<Object> lines) throws IOException {
        long count = 0;
        BufferedReader reader = process.inputReader();
        for (String line = reader.readLine(); line != null; line = reader.readLine()) {
            lines.accept(line);
            count++;
        }
        return count;
    }
}
