// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.Readiness;
import io.dblock.internal.kernel.ServerThread;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Waits for the requests of all idle devices of this JVM, with one thread, and has threads serve those that get one. There
 * are as many of these as queues are being served; none waits for another.
 *
 * <p>It comes with the first device and goes, with its threads, soon after the last one.
 */
final class Dispatcher implements Runnable {
    /** A device whose requests it waits for. */
    interface Client {
        /**
         * A request waits for a server, or the device has ended; told once for each {@link Registration#arm()}. Must not block.
         *
         * @return false if nothing could be done about it now; it is told again soon
         */
        boolean ready();

        /** This has kept the dispatcher from its work. */
        void failed(Throwable failure);
    }

    private static final long KEPT_BUFFERS = 16L << 20;
    private static final int RETRY_MILLIS = 100;
    private static final int EXPIRY_MILLIS = 1000;
    private static final int NO_LIMIT = -1;

    /** By {@link ControlSession#kernel()}. Its lock guards the registrations of each; no client is called under it. */
    private static final Map<Object, Dispatcher> RUNNING = new HashMap<>();

    private final Object kernel;
    private final Readiness readiness;
    private final ThreadPoolExecutor threads;
    private final BufferPool buffers = new BufferPool(KEPT_BUFFERS);
    private final BatchPool batches = new BatchPool();

    private int clients;
    /** By the lower half of their tokens. */
    private Registration[] slots = new Registration[16];

    private int generation;
    private volatile boolean retry;

    private Dispatcher(Object kernel, Readiness readiness) {
        this.kernel = kernel;
        this.readiness = readiness;
        threads = new ThreadPoolExecutor(
                0,
                Integer.MAX_VALUE,
                EXPIRY_MILLIS,
                TimeUnit.MILLISECONDS,
                new SynchronousQueue<>(),
                task -> thread("dblock-spare", task));
    }

    private static Thread thread(String name, Runnable task) {
        Runnable marked = () -> {
            ServerThread.avoidWritebackRecursion();
            task.run();
        };
        // Nothing of the thread that happens to be there now.
        Thread thread = new Thread(null, marked, name, 0, false);
        thread.setDaemon(true);
        thread.setContextClassLoader(ClassLoader.getSystemClassLoader());
        return thread;
    }

    /** One device among those waited for. */
    static final class Registration {
        private final Dispatcher dispatcher;
        private final ControlSession session;
        private final Client client;
        private final long token;
        private boolean pollable;
        private boolean closed;
        private volatile boolean again;

        private Registration(Dispatcher dispatcher, ControlSession session, Client client, long token) {
            this.dispatcher = dispatcher;
            this.session = session;
            this.client = client;
            this.token = token;
        }

        private int slot() {
            return (int) token;
        }

        /** Whether the module can tell when a request comes; else the device has to be served without a break. */
        boolean pollable() {
            return pollable;
        }

        BufferPool buffers() {
            return dispatcher.buffers;
        }

        BatchPool batches() {
            return dispatcher.batches;
        }

        /** Runs this in a thread of the dispatcher's. May throw any error when there is no memory for one. */
        void execute(Runnable task) {
            dispatcher.threads.execute(task);
        }

        /** Waits for a request, or the device's end; nothing if it is closed. */
        void arm() {
            synchronized (RUNNING) {
                if (!closed) {
                    dispatcher.readiness.rearm(session, token);
                }
            }
        }

        /** Has {@link Client#ready()} called soon. */
        void retry() {
            again = true;
            dispatcher.retry = true;
            dispatcher.readiness.wake();
        }

        /** Waits no more. The client may still be called once, when that has begun before. Idempotent. */
        void close() {
            synchronized (RUNNING) {
                if (closed) {
                    return;
                }
                closed = true;
                try {
                    if (pollable) {
                        dispatcher.readiness.remove(session);
                    }
                } finally {
                    dispatcher.slots[slot()] = null;
                    dispatcher.clients--;
                    if (dispatcher.clients == 0) {
                        dispatcher.readiness.wake();
                    }
                }
            }
        }
    }

    /**
     * Waits for requests of the device of this session, from now on.
     *
     * @throws io.dblock.internal.kernel.ControlException if there are no more file descriptors
     */
    static Registration register(ControlSession session, Client client) {
        synchronized (RUNNING) {
            Dispatcher dispatcher = RUNNING.get(session.kernel());
            if (dispatcher == null) {
                dispatcher = start(session);
            }
            return dispatcher.add(session, client);
        }
    }

    private static Dispatcher start(ControlSession session) {
        Readiness readiness = Readiness.open(session);
        boolean done = false;
        try {
            Dispatcher dispatcher = new Dispatcher(session.kernel(), readiness);
            thread("dblock-dispatcher", dispatcher).start();
            RUNNING.put(session.kernel(), dispatcher);
            done = true;
            return dispatcher;
        } finally {
            if (!done) {
                readiness.close();
            }
        }
    }

    private Registration add(ControlSession session, Client client) {
        int slot = 0;
        while (slot < slots.length && slots[slot] != null) {
            slot++;
        }
        if (slot == slots.length) {
            slots = Arrays.copyOf(slots, 2 * slot);
        }
        // Not the token of the one that had this slot before: an event of that may be on its way.
        generation = generation + 1 & Integer.MAX_VALUE;
        Registration registration = new Registration(this, session, client, (long) generation << 32 | slot);
        registration.pollable = readiness.add(session, registration.token);
        slots[slot] = registration;
        clients++;
        return registration;
    }

    @Override
    public void run() {
        while (true) {
            try {
                boolean retrying = retry;
                int wait = retrying ? RETRY_MILLIS : isEmpty() ? EXPIRY_MILLIS : NO_LIMIT;
                int ready = readiness.await(wait);
                for (int i = 0; i < ready; i++) {
                    long token = readiness.token(i);
                    Registration registration = in((int) token);
                    if (registration != null && registration.token == token) {
                        tell(registration);
                    }
                }
                if (retrying) {
                    retryAll();
                }
                if (wait == EXPIRY_MILLIS && ready == 0 && expire()) {
                    return;
                }
            } catch (Throwable t) {
                broken(t);
            }
        }
    }

    private boolean isEmpty() {
        synchronized (RUNNING) {
            return clients == 0;
        }
    }

    private Registration in(int slot) {
        synchronized (RUNNING) {
            return slot < slots.length ? slots[slot] : null;
        }
    }

    private int slotCount() {
        synchronized (RUNNING) {
            return slots.length;
        }
    }

    /** Readiness is told once only: whatever goes wrong here, it is not forgotten. Allocates nothing by itself. */
    private void tell(Registration registration) {
        boolean done = false;
        try {
            done = registration.client.ready();
        } catch (Throwable t) {
            registration.client.failed(t);
        }
        if (!done) {
            registration.again = true;
            retry = true;
        }
    }

    private void retryAll() {
        retry = false;
        for (int slot = 0; slot < slotCount(); slot++) {
            Registration registration = in(slot);
            if (registration != null && registration.again) {
                registration.again = false;
                tell(registration);
            }
        }
    }

    private boolean expire() {
        synchronized (RUNNING) {
            if (clients > 0) {
                return false;
            }
            RUNNING.remove(kernel, this);
            readiness.close();
            threads.shutdown();
            return true;
        }
    }

    private void broken(Throwable failure) {
        for (int slot = 0; slot < slotCount(); slot++) {
            Registration registration = in(slot);
            if (registration != null) {
                registration.client.failed(failure);
            }
        }
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(RETRY_MILLIS));
    }
}
