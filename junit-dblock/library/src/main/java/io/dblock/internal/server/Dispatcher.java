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
 * Waits in one thread for requests of all idle devices of this JVM. The threads of its pool serve the devices that get one:
 * one thread for each queue that is being served, so that no task waits for a thread.
 *
 * <p>The dispatcher is created with the first device; it and its threads end soon after the last device.
 */
final class Dispatcher implements Runnable {
    /** A device whose requests the dispatcher waits for. */
    interface Client {
        /**
         * Called when a request waits to be fetched or the device has ended: once after {@link #register}, after each
         * {@link Registration#arm()} and after {@link Registration#retry()}. Must not block.
         *
         * @return false if nothing could be done now; the dispatcher then calls this again soon
         */
        boolean ready();

        /** Reports what has kept the dispatcher from its work. */
        void failed(Throwable failure);
    }

    private static final long KEPT_BUFFERS = 16L << 20;
    private static final int RETRY_MILLIS = 100;
    private static final int EXPIRY_MILLIS = 1000;
    private static final int NO_LIMIT = -1;

    /** By {@link ControlSession#kernel()}. Its lock guards all registrations; no client is called with the lock held. */
    private static final Map<Object, Dispatcher> RUNNING = new HashMap<>();

    private final Object kernel;
    private final Readiness readiness;
    private final ThreadPoolExecutor threads;
    private final BufferPool buffers = new BufferPool(KEPT_BUFFERS);
    private final BatchPool batches = new BatchPool();

    private int clients;
    /** The registrations by the lower half of their tokens. */
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
        // The thread serves many devices: it inherits no thread-locals and no class loader from the one that creates
        // it.
        Thread thread = new Thread(null, marked, name, 0, false);
        thread.setDaemon(true);
        thread.setContextClassLoader(ClassLoader.getSystemClassLoader());
        return thread;
    }

    /** A device that is registered with the dispatcher. */
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

        /** Returns whether the module reports requests to a poller. If not, the threads of the device must not leave. */
        boolean pollable() {
            return pollable;
        }

        BufferPool buffers() {
            return dispatcher.buffers;
        }

        BatchPool batches() {
            return dispatcher.batches;
        }

        /** Runs a task in a thread of the pool. May throw any error if there is no memory for a thread. */
        void execute(Runnable task) {
            dispatcher.threads.execute(task);
        }

        /** Waits once more for a request or the device's end. Does nothing after {@link #close()}. */
        void arm() {
            synchronized (RUNNING) {
                if (!closed) {
                    dispatcher.readiness.rearm(session, token);
                }
            }
        }

        /** Makes the dispatcher call {@link Client#ready()} soon. */
        void retry() {
            again = true;
            dispatcher.retry = true;
            dispatcher.readiness.wake();
        }

        /** Ends the wait. The dispatcher's thread may call the client once more if it has already found this. Idempotent. */
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
     * Waits for requests of the device of this session from now on.
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
        // A new token, because an event for the former registration in this slot may still be on its way.
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

    /** Calls the client, again later if that fails: readiness is reported only once. Allocates nothing itself. */
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
