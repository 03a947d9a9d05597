// SPDX-License-Identifier: Apache-2.0
package io.dblock.server;

import io.dblock.DblockException;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.DirectStore;
import io.dblock.handler.RequestHandler;
import io.dblock.kernel.Batch;
import io.dblock.kernel.ControlException;
import io.dblock.kernel.ControlSession;
import io.dblock.kernel.DeviceInfo;
import io.dblock.kernel.DeviceParameters;
import io.dblock.kernel.Errno;
import io.dblock.kernel.NativeMemory;
import io.dblock.kernel.ServerThread;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.atomic.AtomicInteger;

/** A device served by threads of this JVM, one for each of its queues, on a control session of its own. */
final class LocalDevice implements ServedDevice {
    private static final int MAX_FAILURES = 100;
    private static final int CLOSED = Integer.MIN_VALUE;
    private static final Duration NAME_WAIT = Duration.ofSeconds(5);
    private static final Duration JOIN = Duration.ofSeconds(5);

    private final ControlSession session;
    private final DeviceInfo created;
    private final AutoCloseable handler;
    private final Counters counters = new Counters();
    private final BufferPool buffers = new BufferPool();
    private final List<Throwable> failures = new ArrayList<>();
    private final List<Worker> workers = new ArrayList<>();
    private final List<Thread> threads = new ArrayList<>();
    private final ConcurrentLinkedDeque<Batch> answerBatches = new ConcurrentLinkedDeque<>();
    /** How many threads are in {@link #answerNow}; with {@link #CLOSED} added when no further one may come. */
    private final AtomicInteger answering = new AtomicInteger();

    private volatile boolean destroyed;
    private boolean closed;

    private LocalDevice(ControlSession session, DeviceInfo created, AutoCloseable handler) {
        this.session = session;
        this.created = created;
        this.handler = handler;
    }

    /** Creates a device on this session, which is its own from now on, and has this handler serve it. */
    static LocalDevice create(ControlSession session, DeviceParameters parameters, BlockHandler handler) {
        LocalDevice device = new LocalDevice(session, make(session, parameters), handler);
        device.serve(queue -> handler instanceof DirectStore direct
                ? new DirectWorker(device, queue, direct)
                : new BlockingWorker(device, queue, handler));
        return device;
    }

    /** The same with a handler in request form. */
    static LocalDevice create(ControlSession session, DeviceParameters parameters, RequestHandler handler) {
        LocalDevice device = new LocalDevice(session, make(session, parameters), () -> {});
        device.serve(queue -> new RequestWorker(device, queue, handler));
        return device;
    }

    /** The former device of this name may be about to be closed for the last time. */
    private static DeviceInfo make(ControlSession session, DeviceParameters parameters) {
        long deadline = System.nanoTime() + NAME_WAIT.toNanos();
        while (true) {
            try {
                return session.create(parameters);
            } catch (ControlException e) {
                if (!e.is(Errno.EBUSY) || System.nanoTime() > deadline) {
                    throw e;
                }
            }
            try {
                Thread.sleep(20);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new DblockException("Interrupted while waiting for the name " + parameters.name() + ".", e);
            }
        }
    }

    private interface WorkerFactory {
        Worker forQueue(int queue);
    }

    private void serve(WorkerFactory factory) {
        boolean done = false;
        try {
            for (int queue = 0; queue < created.parameters().queues(); queue++) {
                Worker worker = factory.forQueue(queue);
                Thread thread = new Thread(worker, created.name() + "-queue" + queue);
                thread.setDaemon(true);
                workers.add(worker);
                threads.add(thread);
            }
            threads.forEach(Thread::start);
            done = true;
        } finally {
            if (!done) {
                close();
            }
        }
    }

    int id() {
        return created.id();
    }

    int depth() {
        return created.parameters().depth();
    }

    int maxIo() {
        return created.parameters().maxIo();
    }

    ControlSession session() {
        return session;
    }

    Counters counters() {
        return counters;
    }

    BufferPool buffers() {
        return buffers;
    }

    boolean isWorker(Worker worker) {
        return threads.get(workers.indexOf(worker)) == Thread.currentThread();
    }

    void markAsFlusher() {
        ServerThread.avoidWritebackRecursion();
    }

    void failed(Throwable failure) {
        synchronized (failures) {
            if (failures.size() < MAX_FAILURES) {
                failures.add(failure);
            }
        }
    }

    void answeredLate() {
        if (destroyed) {
            return; // The device's end has ended every request; that is nobody's fault.
        }
        counters.lateAnswers.increment();
        failed(new BlockIOException(
                Errno.ETIMEDOUT,
                "An answer came too late: the kernel had given up on the request after "
                        + created.parameters().timeoutMillis()
                        + " ms. Answer earlier, or give the device a longer requestTimeout."));
    }

    /** Gives one answer from whichever thread this is, without waiting for requests. */
    void answerNow(PendingRequest request, Errno errno, NativeMemory data) {
        if (answering.incrementAndGet() < 0) {
            answering.decrementAndGet();
            return; // The device is gone, the request with it.
        }
        try {
            Batch batch = answerBatches.poll();
            if (batch == null) {
                batch = new Batch(id(), -1, 0, 1);
            }
            request.addAnswer(batch, errno, data);
            batch.giveAnswers(session, cookie -> answeredLate());
            if (!batch.ended()) {
                answerBatches.push(batch);
            }
        } finally {
            answering.decrementAndGet();
        }
    }

    @Override
    public DeviceInfo created() {
        return created;
    }

    @Override
    public DeviceInfo info() {
        return session.info(id());
    }

    @Override
    public void start() {
        session.start(id());
    }

    @Override
    public RequestCounts counts() {
        return counters.snapshot();
    }

    @Override
    public List<Throwable> failures() {
        synchronized (failures) {
            return List.copyOf(failures);
        }
    }

    @Override
    public void destroy(boolean force) {
        if (destroyed) {
            return;
        }
        destroyed = true;
        try {
            session.destroy(id(), force);
        } catch (ControlException e) {
            // Gone already, or going: somebody destroyed it by its name.
            if (!e.is(Errno.ENODEV) && !e.is(Errno.EALREADY)) {
                destroyed = false;
                throw e;
            }
        }
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        DblockException failure = null;
        try {
            destroy(true);
        } catch (DblockException e) {
            failure = e;
        }
        int state = answering.addAndGet(CLOSED);
        long deadline = System.nanoTime() + JOIN.toNanos();
        String stuck = join(deadline);
        if (stuck != null) {
            // A handler that waits for something usually ends when it is interrupted.
            threads.forEach(Thread::interrupt);
            stuck = join(System.nanoTime() + JOIN.toNanos());
        }
        while (state != CLOSED && System.nanoTime() < deadline) {
            Thread.onSpinWait();
            state = answering.get();
        }
        if (stuck != null || state != CLOSED) {
            // Whoever is left may still use the session and the store, so both stay.
            throw new DblockException("The device " + created.name() + " is gone, but "
                    + (stuck != null ? stuck : "a thread that answers one of its requests")
                    + " has not ended within " + 2 * JOIN.toSeconds()
                    + " s: its handler does not return. Its memory is not freed.");
        }
        try {
            session.close();
            handler.close();
        } catch (IOException | RuntimeException e) {
            throw add(failure, "The handler of " + created.name() + " failed to close: " + e, e);
        } catch (Exception e) {
            throw add(failure, "The handler of " + created.name() + " failed to close: " + e, e);
        }
        if (failure != null) {
            throw failure;
        }
    }

    private static DblockException add(DblockException failure, String message, Exception cause) {
        DblockException result = new DblockException(message, cause);
        if (failure != null) {
            result.addSuppressed(failure);
        }
        return result;
    }

    /** Null if all threads have ended by then, else a description of one that has not. */
    private String join(long deadline) {
        boolean interrupted = false;
        String stuck = null;
        for (Thread thread : threads) {
            while (thread.isAlive() && stuck == null) {
                long left = Duration.ofNanos(deadline - System.nanoTime()).toMillis();
                if (left <= 0) {
                    stuck = describe(thread);
                    break;
                }
                try {
                    thread.join(left);
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return stuck;
    }

    private static String describe(Thread thread) {
        StringBuilder text = new StringBuilder("its thread \"" + thread.getName() + "\", which is in");
        for (StackTraceElement element : thread.getStackTrace()) {
            text.append("\n    at ").append(element);
        }
        return text.append("\n").toString();
    }
}
