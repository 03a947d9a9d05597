// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.internal.kernel.ProcFs;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/** Finds out whether an interrupted thread waits in the kernel for a disk that does not answer, and ends such a wait. */
final class InterruptedWait {
    /** How long the thread may go on waiting once the interrupt was seen, and how long the disk may take for a request. */
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

        /** Returns the age of the oldest request under way; zero if there is none. */
        Duration oldestRequest();

        /** Returns the fault rules that hold requests, one line each; none if that cannot be found out. */
        List<String> heldBy();

        /** Removes the disk by force, and records why. */
        void unplug(String why);
    }

    /** {@code task} is the kernel's task of the thread; empty if it is not known. */
    InterruptedWait(
            Thread thread, Optional<ProcFs.Task> task, ProcFs proc, Supplier<List<Disk>> disks, LongSupplier clock) {
        this.thread = thread;
        this.task = task;
        this.proc = proc;
        this.disks = disks;
        this.clock = clock;
    }

    /** Checks the thread. Must be called repeatedly, by one thread. */
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
            // The thread has run since the last check, so this is another wait.
            switches = now;
            since = clock.getAsLong();
            return;
        }
        Duration waited = Duration.ofNanos(clock.getAsLong() - since);
        if (waited.compareTo(PATIENCE) < 0) {
            return;
        }
        // The thread may wait again later, so start over.
        switches = -1;
        RuntimeException failure = null;
        for (Disk disk : disks.get()) {
            try {
                endWaitFor(disk);
            } catch (RuntimeException e) {
                failure = e; // The thread may wait for another of the disks.
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
