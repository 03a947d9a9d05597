// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.DblockException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;

/**
 * Who serves the queues of a device: nobody as long as it is idle, one thread for each queue while it is busy.
 *
 * <p>At any time each queue has a thread, or the {@link Dispatcher} waits for the device. A thread leaves when the whole
 * device has had nothing to do for {@link #LINGER}: as long as one queue is busy, the dispatcher could not tell requests of
 * the others from those.
 */
final class Serving implements Dispatcher.Client {
    /**
     * A thread that comes back costs as much as some ten requests; one that waits costs its stack. Of a program that works
     * with a filesystem, requests rarely come further apart as long as it does anything.
     */
    static final Duration LINGER = Duration.ofMillis(50);

    private static final long NO_LIMIT = -1;

    private final KernelDevice kernel;
    private final Failures failures;
    /** Null if those that all devices share will do. */
    private final BufferPool ownBuffers;
    /** Of the thread that made the device: a handler may load classes by it. */
    private final ClassLoader contextLoader;

    // Guarded by this.
    private IntFunction<Worker> factory;
    /** By queue; null while nobody serves it. */
    private final Worker[] workers;
    /** Queues that a thread serves, or is about to. */
    private long taken;

    private boolean ended;
    private boolean closed;
    private volatile Dispatcher.Registration registration;

    /** {@code ownBuffers} is null if the device may use those that all share; see {@link BufferPool}. */
    Serving(KernelDevice kernel, Failures failures, BufferPool ownBuffers) {
        this.kernel = kernel;
        this.failures = failures;
        this.ownBuffers = ownBuffers;
        contextLoader = Thread.currentThread().getContextClassLoader();
        workers = new Worker[kernel.parameters().queues()];
    }

    /** Serves it from now on, each queue by what this makes. */
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

    /** How long a thread waits for a request, in nanoseconds; less than 0: without limit. */
    long patience() {
        return registration.pollable() ? LINGER.toNanos() : NO_LIMIT;
    }

    /** The module does not let it be served: what is asked of it fails now, and not by its timeout. */
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
            // Whoever interrupts it does so under this lock, and means the handler that is left now.
            Thread.interrupted();
            if (taken == 0) {
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

    /** Whether this worker, for which no request came in its time, may leave. */
    synchronized boolean mayLeave(Worker worker) {
        if (closed) {
            return true;
        }
        if (!registration.pollable()) {
            return false;
        }
        for (Worker other : workers) {
            if (other != null && other != worker && !other.isIdle()) {
                return false;
            }
        }
        return true;
    }

    /**
     * Nobody is to serve it from now on. Whoever still does, because a handler does not return, is interrupted after this
     * time, and waited for as long again.
     *
     * @return null if nobody does any more, else who and where
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

    /** Whether this thread was interrupted meanwhile, which changes nothing. */
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
                // A handler that waits for something usually ends then.
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
