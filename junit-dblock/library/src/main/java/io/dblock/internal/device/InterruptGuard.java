// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.BlockDevice;
import io.dblock.internal.kernel.BusyWait;
import io.dblock.internal.kernel.ProcFs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;

/**
 * Makes an interrupt end a thread's wait for its disk. A thread that reads, writes or syncs waits in the kernel, where
 * Java's interrupt does not reach it: if the disk does not answer, a time limit does not end the test. While a guard is
 * open, it watches the thread that opened it. If that thread is interrupted and goes on waiting for a disk that has not
 * answered for two seconds, the guard {@linkplain BlockDevice#unplug() removes} the disk, and the wait ends with an
 * error.
 *
 * <p>The JUnit extensions open a guard around all test code.
 */
public final class InterruptGuard implements AutoCloseable {
    private static final Duration LOOK = Duration.ofMillis(200);
    private static final List<InterruptGuard> OPEN = new CopyOnWriteArrayList<>();
    private static boolean running;

    private final Thread thread = Thread.currentThread();
    private final Runnable look;

    private InterruptGuard(Runnable look) {
        this.look = look;
    }

    /**
     * Opens a guard for the current thread.
     *
     * @param devices returns the devices that the thread may wait for; called by another thread. While no other thread
     *     has a guard, all devices of this JVM count
     */
    public static InterruptGuard open(Supplier<? extends Collection<BlockDevice>> devices) {
        ProcFs proc = new ProcFs(Path.of("/proc"));
        InterruptedWait wait = new InterruptedWait(
                Thread.currentThread(), currentTask(proc), proc, () -> disks(devices.get()), System::nanoTime);
        return openWith(wait::look);
    }

    /** Opens a guard for the current thread; {@code look} checks the thread, and is called repeatedly. */
    static InterruptGuard openWith(Runnable look) {
        InterruptGuard guard = new InterruptGuard(look);
        synchronized (OPEN) {
            OPEN.add(guard);
            if (!running) {
                running = true;
                Thread thread = new Thread(InterruptGuard::run, "junit-dblock interrupts");
                thread.setDaemon(true);
                thread.start();
            }
        }
        return guard;
    }

    /** Returns the kernel's task of this thread; empty if /proc does not tell. The guard does nothing then. */
    private static Optional<ProcFs.Task> currentTask(ProcFs proc) {
        try {
            Path self = Files.readSymbolicLink(Path.of("/proc/thread-self"));
            return proc.task(
                    Long.parseLong(self.getName(0).toString()),
                    Long.parseLong(self.getFileName().toString()));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private static List<InterruptedWait.Disk> disks(Collection<BlockDevice> declared) {
        Set<BlockDevice> all = new LinkedHashSet<>(declared);
        if (OPEN.stream().map(guard -> guard.thread).distinct().count() == 1) {
            all.addAll(LiveDevices.live());
        }
        return all.stream()
                .filter(LiveDevice.class::isInstance)
                .<InterruptedWait.Disk>map(LiveDevice.class::cast)
                .toList();
    }

    /** Runs until the last guard is closed. The next guard starts a new thread. */
    private static void run() {
        boolean ended = false;
        try {
            while (!ended) {
                BusyWait.pause(LOOK);
                OPEN.forEach(InterruptGuard::look);
                synchronized (OPEN) {
                    ended = OPEN.isEmpty();
                    running = !ended;
                }
            }
        } finally {
            if (!ended) {
                // An Error ended this thread: the next guard starts another.
                synchronized (OPEN) {
                    running = false;
                }
            }
        }
    }

    /** Checks the thread of this guard. A failure must not stop the checks of other guards. */
    private void look() {
        try {
            look.run();
        } catch (RuntimeException e) {
            System.err.println("junit-dblock: the interrupt of thread \"" + thread.getName()
                    + "\" may not end its wait for a disk: " + e);
        }
    }

    @Override
    public void close() {
        OPEN.remove(this);
    }
}
