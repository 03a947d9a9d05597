// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.internal.kernel.ProcFs;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/** Finds out whether a thread that was interrupted waits in the kernel for a disk that does not answer. */
final class InterruptedWait {
    /** How long it may still wait after the interrupt was seen, and how long the disk may take for a request. */
    static final Duration PATIENCE = Duration.ofSeconds(2);

    private final Thread thread;
    private final Optional<ProcFs.Task> task;
    private final ProcFs proc;
    private final Supplier<List<Disk>> disks;
    private final LongSupplier clock;
    private long since;
    private long switches = -1;

    /** A disk that the thread may wait for. */
    interface Disk {
        String name();

        /** How long the request that is under way the longest has been; zero if there is none. */
        Duration oldestRequest();

        /** Which fault rules hold requests, one line each; none if that cannot be found out. */
        List<String> heldBy();

        /** Removes it by force, and notes why. */
        void unplug(String why);
    }

    /** With the task that the thread is to the kernel, if that is known. */
    InterruptedWait(
            Thread thread, Optional<ProcFs.Task> task, ProcFs proc, Supplier<List<Disk>> disks, LongSupplier clock) {
        this.thread = thread;
        this.task = task;
        this.proc = proc;
        this.disks = disks;
        this.clock = clock;
    }

    /** To be called again and again, by one thread. */
    void look() {
        Optional<ProcFs.Task> waiting = thread.isInterrupted()
                ? task.flatMap(known -> proc.task(known.pid(), known.tid())).filter(ProcFs.Task::isUninterruptible)
                : Optional.empty();
        if (waiting.isEmpty()) {
            switches = -1;
            return;
        }
        long now = proc.switches(waiting.get());
        if (now != switches) {
            // It has run since: this is another wait.
            switches = now;
            since = clock.getAsLong();
            return;
        }
        Duration waited = Duration.ofNanos(clock.getAsLong() - since);
        if (waited.compareTo(PATIENCE) < 0) {
            return;
        }
        // Whatever comes of this, the thread may wait again.
        switches = -1;
        RuntimeException failure = null;
        for (Disk disk : disks.get()) {
            try {
                endWaitFor(disk);
            } catch (RuntimeException e) {
                failure = e; // It may be another disk that the thread waits for.
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    private void endWaitFor(Disk disk) {
        if (disk.oldestRequest().compareTo(PATIENCE) < 0) {
            return;
        }
        List<String> rules = disk.heldBy();
        disk.unplug("thread \"" + thread.getName() + "\" was interrupted (a time limit?) while it waited for "
                + disk.name() + ", which had not answered for " + PATIENCE.toSeconds() + " s"
                + (rules.isEmpty() ? "" : " (" + String.join("; ", rules) + "; nobody has released them)") + ": "
                + disk.name() + " has been removed by force, so that the thread goes on with an error");
    }
}
