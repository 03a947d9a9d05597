// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.DblockException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;

/**
 * The threads that serve the queues of a device: one per queue while the device is busy, none while it is idle.
 *
 * <p>Each queue has a thread, or the {@link Dispatcher} waits for the device. Threads leave only when no queue has had a
 * request for {@link #linger()}: the dispatcher cannot tell which queue a request comes through, so a busy queue would wake
 * it all the time.
 */
final class Serving implements Dispatcher.Client {
    /**
     * How long a thread waits before it leaves, at first. A thread that comes back costs as much as about ten requests; a
     * thread that waits costs its stack. While a program works on a filesystem, its requests rarely come further apart.
     */
    static final Duration LINGER = Duration.ofMillis(50);

    /**
     * How long a thread waits that has come back within this time. Where many devices share few processors, a busy one has
     * its turn more rarely than {@link #LINGER}.
     */
    static final Duration LONG_LINGER = Duration.ofSeconds(2);

    private static final long NO_LIMIT = -1;

    private final KernelDevice kernel;
    private final Failures failures;
    /** Null if the device uses the shared buffers. */
    private final BufferPool ownBuffers;
    /** The loader of the thread that created the device: the handler may load classes through it. */
    private final ClassLoader contextLoader;

    // Guarded by this.
    private IntFunction<Worker> factory;
    /** The workers by queue; null while no thread serves the queue. */
    private final Worker[] workers;
    /** The queues that a thread serves or is about to serve, a bit each. */
    private long taken;

    private Duration linger = LINGER;
    /** When the threads had left; null as long as none has. */
    private Long leftAt;

    private boolean ended;
    private boolean closed;
    private volatile Dispatcher.Registration registration;

    /** {@code ownBuffers} is null if the device may use the shared buffers, see {@link BufferPool}. */
    Serving(KernelDevice kernel, Failures failures, BufferPool ownBuffers) {
        this.kernel = kernel;
        this.failures = failures;
        this.ownBuffers = ownBuffers;
        contextLoader = Thread.currentThread().getContextClassLoader();
        workers = new Worker[kernel.parameters().queues()];
    }

    /** Serves the device from now on, each queue with a worker that {@code factory} makes. */
    synchronized void start(IntFunction<Worker> factory) {
        this.factory = factory;
        registration = Dispatcher.register(kernel.session(), this);
        if (!registration.pollable() && !ready()) {
            registration.retry();
        }
    }

    BufferPool buffers() {
        return ownBuffers != null ? ownBuffers : registration.buffers();
    }

    BatchPool batches() {
        return registration.batches();
    }

    /** Returns how long a thread waits that comes after the device had none for so long. */
    static Duration lingerAfter(Duration away) {
        return away.compareTo(LONG_LINGER) < 0 ? LONG_LINGER : LINGER;
    }

    /** Returns how long a thread that comes now waits before it leaves, if it may. */
    synchronized Duration linger() {
        return linger;
    }

    /** Returns how long a thread that comes now waits for a request, in nanoseconds; negative: without limit. */
    long patience() {
        return registration.pollable() ? linger().toNanos() : NO_LIMIT;
    }

    /** Destroys the device, which the module does not let us serve: its requests then fail at once, not by their timeout. */
    void unservable(Throwable failure) {
        failures.add(failure);
        try {
            kernel.destroy(true);
        } catch (DblockException e) {
            failures.add(e);
        }
    }

    @Override
    public synchronized boolean ready() {
        if (leftAt != null) {
            linger = lingerAfter(Duration.ofNanos(System.nanoTime() - leftAt));
            leftAt = null;
        }
        boolean all = true;
        for (int queue = 0; queue < workers.length && !closed && !ended; queue++) {
            if ((taken & 1L << queue) == 0) {
                all &= send(queue);
            }
        }
        return all;
    }

    private boolean send(int queue) {
        taken |= 1L << queue;
        try {
            registration.execute(() -> serve(queue));
            return true;
        } catch (Throwable t) {
            taken &= ~(1L << queue);
            failures.add(t);
            return false;
        }
    }

    @Override
    public void failed(Throwable failure) {
        failures.add(failure);
    }

    private void serve(int queue) {
        Worker worker = null;
        boolean idle = false;
        try {
            worker = factory.apply(queue);
            if (enter(queue, worker)) {
                idle = worker.serve();
            }
        } catch (Throwable t) {
            failures.add(t);
        }
        leave(queue, worker);
        if (idle) {
            arm();
        } else if (!isOver()) {
            registration.retry();
        }
    }

    private synchronized boolean enter(int queue, Worker worker) {
        if (closed || ended) {
            return false;
        }
        Thread thread = Thread.currentThread();
        thread.setName(kernel.name() + "-queue" + queue);
        thread.setContextClassLoader(contextLoader);
        worker.setThread(thread);
        workers[queue] = worker;
        return true;
    }

    private void leave(int queue, Worker worker) {
        try {
            if (worker != null) {
                worker.close();
            }
        } catch (Throwable t) {
            failures.add(t);
        }
        synchronized (this) {
            if (worker != null) {
                worker.setThread(null);
                ended |= worker.ended();
            }
            workers[queue] = null;
            taken &= ~(1L << queue);
            Thread thread = Thread.currentThread();
            thread.setName("dblock-spare");
            thread.setContextClassLoader(ClassLoader.getSystemClassLoader());
            // An interrupt was for this device's handler. A late one cannot come: close() interrupts with this lock
            // held.
            Thread.interrupted();
            if (taken == 0) {
                leftAt = System.nanoTime();
                if (ownBuffers != null) {
                    ownBuffers.trim();
                }
                notifyAll();
            }
        }
    }

    private synchronized boolean isOver() {
        if (ended) {
            registration.close();
        }
        return closed || ended;
    }

    private void arm() {
        try {
            registration.arm();
        } catch (Throwable t) {
            failures.add(t);
            registration.retry();
        }
    }

    /** Returns whether a worker, to which no request has come now, may leave. */
    synchronized boolean mayLeave() {
        if (closed) {
            return true;
        }
        if (!registration.pollable()) {
            return false;
        }
        for (Worker worker : workers) {
            if (worker != null && !worker.isIdle()) {
                return false;
            }
        }
        return true;
    }

    /**
     * Ends the serving of the device. If a thread still serves it after {@code patience}, because a handler does not return,
     * the thread is interrupted and waited for as long again.
     *
     * @return null if no thread is left, otherwise a description of one that is, with its stack
     */
    String close(Duration patience) {
        synchronized (this) {
            closed = true;
            if (registration != null) {
                registration.close();
            }
        }
        boolean interrupted = false;
        String stuck = null;
        for (int attempt = 0; attempt < 2; attempt++) {
            long deadline = System.nanoTime() + patience.toNanos();
            interrupted |= awaitNobody(deadline);
            stuck = describeServers(attempt == 0);
            if (stuck == null) {
                break;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return stuck;
    }

    /** Waits until no thread is left, even if interrupted; returns whether the current thread was interrupted. */
    private synchronized boolean awaitNobody(long deadline) {
        boolean interrupted = false;
        while (taken != 0) {
            long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            if (left <= 0) {
                break;
            }
            try {
                wait(left);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        return interrupted;
    }

    private synchronized String describeServers(boolean interrupt) {
        String found = taken == 0 ? null : "a thread that is to serve it";
        for (Worker worker : workers) {
            if (worker == null) {
                continue;
            }
            found = describe(worker.thread());
            if (interrupt) {
                // An interrupt usually ends the wait of a handler.
                worker.thread().interrupt();
            }
        }
        return found;
    }

    private static String describe(Thread thread) {
        StringBuilder text = new StringBuilder("its thread \"" + thread.getName() + "\", which is in");
        for (StackTraceElement element : thread.getStackTrace()) {
            text.append("\n    at ").append(element);
        }
        return text.append("\n").toString();
    }
}
