// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.DblockException;
import io.dblock.DeviceStatistics;
import io.dblock.fault.Faults;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestHandler;
import io.dblock.internal.fault.Evidence;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.store.DirectStore;
import io.dblock.internal.store.Store;
import io.dblock.internal.store.StoreSnapshot;
import io.dblock.internal.store.WriteCache;
import io.dblock.internal.store.ZonedStore;
import io.dblock.internal.watchdog.JavaStacks;
import io.dblock.internal.watchdog.Watchdog;
import io.dblock.journal.EventKind;
import io.dblock.journal.Journal;
import io.dblock.journal.Recorder;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;

/** A device served by this JVM, by one thread for each of its queues while it is busy, on a control session of its own. */
final class LocalDevice implements ServedDevice {
    private static final int MAX_FAILURES = 100;
    private static final int CLOSED = Integer.MIN_VALUE;
    private static final Duration NAME_WAIT = Duration.ofSeconds(5);
    private static final Duration JOIN = Duration.ofSeconds(5);
    private static final long KEPT_BUFFERS = 64L << 20;

    private final ControlSession session;
    private final DeviceInfo created;
    private final AutoCloseable handler;
    /** Who answers, for people. */
    private final String answers;

    /** Bytes. */
    private volatile long size;
    /** Held by whoever changes the size. */
    private final Object sizing = new Object();
    /** Whether what answers can write. */
    private final boolean writable;

    private final Counters counters = new Counters();
    private final List<Throwable> failures = new ArrayList<>(0);
    /** How many threads are in {@link #answerNow}; with {@link #CLOSED} added when no further one may come. */
    private final AtomicInteger answering = new AtomicInteger();

    /** A failure for which the list had no room. */
    private Throwable unlisted;

    /** Calls that destroy it now. */
    private final AtomicInteger destroying = new AtomicInteger();
    /** Whether it is known to be gone from the module: only then there is nothing left to be destroyed. */
    private volatile boolean gone;

    private boolean closed;

    private Filters filters;
    private Serving serving;
    /** Null if it may use those that are shared. */
    private BufferPool ownBuffers;

    private volatile PowerSupply powerSupply = PowerSupply.of(this);

    private LocalDevice(
            ControlSession session,
            DeviceInfo created,
            AutoCloseable handler,
            Object answering,
            Set<Operation> operations) {
        answers =
                (answering instanceof Store || answering instanceof ZonedStore ? "the built-in store " : "the handler ")
                        + answering.getClass().getName();
        this.session = session;
        this.created = created;
        this.handler = handler;
        size = created.parameters().size();
        writable = operations.contains(Operation.WRITE);
    }

    /**
     * Creates a device on this session, which is its own from now on, and has this handler serve it; a built-in store under
     * a write cache.
     */
    static LocalDevice create(
            ControlSession session, DeviceParameters parameters, FilterSpec filters, BlockHandler handler) {
        // A store is closed by its cache, which outlives the device if there are snapshots.
        LocalDevice device = new LocalDevice(
                session,
                make(session, parameters),
                handler instanceof Store ? () -> {} : handler,
                handler,
                handler.supports());
        if (handler instanceof Store store) {
            device.filters = Filters.overStore(device, filters, store);
            device.serve(queue ->
                    store instanceof DirectStore ? new DirectWorker(device, queue) : new StoreWorker(device, queue));
        } else {
            device.ownBuffers = new BufferPool(KEPT_BUFFERS);
            device.filters = Filters.over(device, filters, new HandlerDisk(handler, device::failed));
            device.serve(queue -> new BlockingWorker(device, queue, handler));
        }
        return device;
    }

    /** The same with a handler in request form. */
    static LocalDevice create(
            ControlSession session, DeviceParameters parameters, FilterSpec filters, RequestHandler handler) {
        LocalDevice device = new LocalDevice(session, make(session, parameters), () -> {}, handler, handler.supports());
        device.ownBuffers = new BufferPool(KEPT_BUFFERS);
        device.filters = Filters.over(device, filters, new RequestDisk(handler, device::failed));
        device.serve(queue -> new RequestWorker(device, queue, handler));
        return device;
    }

    /** The same with a zoned store, over which there is no write cache. */
    static LocalDevice create(
            ControlSession session, DeviceParameters parameters, FilterSpec filters, ZonedStore store) {
        LocalDevice device =
                new LocalDevice(session, make(session, parameters), store, store, EnumSet.allOf(Operation.class));
        device.filters = Filters.over(device, filters, new ZonedDisk(store));
        device.serve(queue -> new ZonedWorker(device, queue, store));
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

    private void serve(IntFunction<Worker> factory) {
        serving = new Serving(this, created.parameters().queues(), factory);
        try {
            serving.start(session);
        } catch (RuntimeException | Error e) {
            try {
                close();
            } catch (DblockException other) {
                e.addSuppressed(other);
            }
            throw e;
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

    Filters filters() {
        return filters;
    }

    Counters counters() {
        return counters;
    }

    BufferPool buffers() {
        return ownBuffers != null ? ownBuffers : serving.sharedBuffers();
    }

    Serving serving() {
        return serving;
    }

    /** Nobody serves it for now. */
    void idle() {
        if (ownBuffers != null) {
            ownBuffers.trim();
        }
    }

    /** Must not throw: it is called when memory is short, too. */
    void failed(Throwable failure) {
        synchronized (failures) {
            if (failures.size() >= MAX_FAILURES) {
                return;
            }
            try {
                failures.add(failure);
            } catch (OutOfMemoryError e) {
                unlisted = failure;
            }
        }
    }

    /** The module does not let it be served: what is asked of it fails now, and not by its timeout. */
    void unservable(Throwable failure) {
        failed(failure);
        try {
            session.destroy(id(), true);
        } catch (DblockException e) {
            failed(e);
        }
    }

    void answeredLate() {
        try {
            if (isEnding()) {
                return; // The device's end has ended every request; that is nobody's fault.
            }
            counters.lateAnswers.increment();
            failed(new BlockIOException(
                    Errno.ETIMEDOUT,
                    "An answer came too late: the kernel had given up on the request after "
                            + created.parameters().timeoutMillis()
                            + " ms. Answer earlier, or give the device a longer requestTimeout."));
        } catch (OutOfMemoryError e) {
            // The answers behind this one have to be given all the same.
            failed(e);
        }
    }

    /** What the module says, since whoever destroys it need not do so through this. */
    private boolean isEnding() {
        try {
            return gone || session.info(id()).state() == DeviceInfo.State.ENDING;
        } catch (ControlException e) {
            return true;
        }
    }

    /** Adds answers to a batch; {@code give} gives those in it, to make room. */
    interface Answers {
        void addTo(Batch batch, Runnable give);
    }

    /** Gives answers to one request from whichever thread this is, without waiting for requests. */
    void answerNow(Answers answers) {
        if (answering.incrementAndGet() < 0) {
            answering.decrementAndGet();
            return; // The device is gone, the request with it.
        }
        try {
            Batch batch = serving.batches().take(id(), -1, 0);
            boolean[] late = new boolean[1];
            Runnable give = () -> batch.giveAnswers(session, cookie -> late[0] = true);
            answers.addTo(batch, give);
            give.run();
            if (late[0]) {
                answeredLate();
            }
            serving.batches().release(batch);
        } finally {
            answering.decrementAndGet();
        }
    }

    @Override
    public Answering answering() {
        Watchdog.Party jvm =
                new Watchdog.Party("the test's JVM", ProcessHandle.current().pid(), JavaStacks::ofThisJvm);
        return new Answering(jvm, false, List.of(answers + " of the test's JVM answers"));
    }

    @Override
    public DeviceServer server() {
        return LocalServer.instance();
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

    PowerSupply powerSupply() {
        return powerSupply;
    }

    void setPowerSupply(PowerSupply supply) {
        powerSupply = supply;
    }

    /** What only a built-in store can do is refused with a user's handler. */
    void requireStore(String what) {
        if (created.parameters().isZoned()) {
            throw new IllegalStateException(what + " is not possible with " + created.name()
                    + ", which is zoned: what a power cut leaves of a zone and of its write pointer is not simulated, and"
                    + " its size and content are not changed or copied as a whole. Use a device without zones.");
        }
        if (filters.cache() == null) {
            throw new IllegalStateException(what + " needs a built-in store, but a handler of your own answers for "
                    + created.name()
                    + ": only that knows what it keeps. Use a device without handler, or one made of an"
                    + " image.");
        }
    }

    @Override
    public Faults faults() {
        return filters.userFaults();
    }

    @Override
    public Evidence evidence() {
        return filters.evidence();
    }

    @Override
    public Recorder recorder() {
        return filters.journal();
    }

    @Override
    public Journal journal() {
        return filters.userJournal();
    }

    void powerCutByRule(Survivors survivors) {
        powerSupply.cutUnlessOff(survivors);
    }

    @Override
    public CutReport powerCut(Survivors survivors) {
        CutReport report = powerSupply.cut(survivors).get(this);
        if (report == null) {
            throw new IllegalStateException(created.name() + " is closed.");
        }
        return report;
    }

    @Override
    public void restorePower() {
        requireStore("restorePower()");
        try {
            powerSupply.restore(this);
        } catch (IOException e) {
            throw new DblockException(
                    "The power of " + created.name() + " stays off: what its cut has to undo in the store fails: " + e,
                    e);
        }
    }

    @Override
    public boolean powered() {
        return filters.cache() == null || filters.cache().powered();
    }

    @Override
    public List<UnflushedWrite> unflushed() {
        requireStore("unflushed()");
        return filters.cache().unflushed();
    }

    @Override
    public ServedSnapshot snapshot() {
        requireStore("snapshot()");
        return snapshot("", WriteCache::snapshot);
    }

    @Override
    public ServedSnapshot snapshot(Survivors survivors) {
        requireStore("snapshot(survivors)");
        Survivors chosen = survivors.orSeed(filters.nextSeed());
        return snapshot("after a cut with survivors: " + chosen, cache -> cache.snapshot(chosen));
    }

    private interface Snapshotter {
        StoreSnapshot of(WriteCache cache) throws IOException;
    }

    private ServedSnapshot snapshot(String note, Snapshotter snapshotter) {
        try {
            ServedSnapshot snapshot = new LocalSnapshot(snapshotter.of(filters.cache()));
            filters.journal().note(EventKind.SNAPSHOT, note);
            return snapshot;
        } catch (IOException e) {
            throw new DblockException("No snapshot of " + created.name() + " can be taken: " + e, e);
        }
    }

    /** Its size now, in bytes. */
    long size() {
        return size;
    }

    @Override
    public void resize(long bytes) {
        requireStore("resize(bytes)");
        int block = created.parameters().logicalBlock();
        if (bytes <= 0 || bytes % block != 0) {
            throw new IllegalArgumentException(
                    "size is " + bytes + ". Allowed: positive multiples of the logical block (" + block + " bytes).");
        }
        if (!writable) {
            throw new IllegalStateException("The size of " + created.name() + " cannot be changed: " + answers
                    + " keeps a read-only image. Use ImageMode.COPY_ON_WRITE or IN_PLACE.");
        }
        synchronized (sizing) {
            long before = size;
            if (bytes == before) {
                return;
            }
            // No request is made of what is not there: the kernel knows of a smaller size first, of a larger one last.
            boolean done = false;
            try {
                if (bytes < before) {
                    session.resize(id(), bytes);
                    size = bytes;
                    filters.cache().resize(bytes);
                } else {
                    filters.cache().resize(bytes);
                    session.resize(id(), bytes);
                    size = bytes;
                }
                done = true;
            } catch (IOException e) {
                throw new DblockException(
                        "The store of " + created.name() + " cannot have " + bytes + " bytes: " + e, e);
            } finally {
                if (!done && size != before) {
                    size = before;
                    session.resize(id(), before);
                }
            }
            filters.journal().note(EventKind.RESIZED, "from " + before + " to " + bytes + " bytes");
        }
    }

    @Override
    public void setReadOnly(boolean readOnly) {
        if (!readOnly && !writable) {
            throw new IllegalStateException(created.name() + " cannot be made writable: " + answers
                    + " does not write. Make the device with an image or a handler that does.");
        }
        session.setReadOnly(id(), readOnly);
        filters.journal().note(EventKind.WRITE_PROTECTION, readOnly ? "on" : "off");
    }

    @Override
    public DeviceStatistics statistics() {
        return counters.statistics();
    }

    @Override
    public List<Throwable> failures() {
        synchronized (failures) {
            if (unlisted != null) {
                failures.add(unlisted);
                unlisted = null;
            }
            return List.copyOf(failures);
        }
    }

    /** Whatever other calls of this are under way: the module knows how an orderly one is overtaken by a forced one. */
    @Override
    public void destroy(boolean force) {
        destroying.incrementAndGet();
        try {
            if (gone) {
                return;
            }
            session.destroy(id(), force);
            gone = true;
        } catch (ControlException e) {
            if (e.is(Errno.ENODEV)) {
                gone = true; // Somebody destroyed it by its name.
            } else if (!e.is(Errno.EALREADY)) {
                throw e;
            }
        } finally {
            destroying.decrementAndGet();
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
        // What fault rules hold is answered now, which nobody waits for any more.
        filters.endFaults();
        answering.addAndGet(CLOSED);
        String stuck = serving.close(JOIN);
        if (stuck == null && !awaitNobody()) {
            stuck = "a thread that answers one of its requests, or destroys it,";
        }
        if (stuck != null) {
            // Whoever is left may still use the session and the store, so both stay.
            DblockException left = new DblockException("The device " + created.name() + " is gone, but " + stuck
                    + " has not ended within " + 2 * JOIN.toSeconds()
                    + " s: its handler does not return. Its memory is not freed.");
            if (failure != null) {
                left.addSuppressed(failure);
            }
            throw left;
        }
        gone = true; // At the latest with its session.
        failure = closing("the session", session, failure);
        PowerSupply.leave(this);
        failure = closing("the store", filters, failure);
        failure = closing("the handler", handler, failure);
        if (failure != null) {
            throw failure;
        }
    }

    /** Whether nobody gives answers or destroys it any more, which takes a moment only. */
    private boolean awaitNobody() {
        long deadline = System.nanoTime() + JOIN.toNanos();
        while (answering.get() != CLOSED || destroying.get() != 0) {
            if (System.nanoTime() > deadline) {
                return false;
            }
            Thread.onSpinWait();
        }
        return true;
    }

    /** Closes one of several; whether that fails or not, the next is to be closed, too. */
    private DblockException closing(String what, AutoCloseable resource, DblockException before) {
        try {
            resource.close();
            return before;
        } catch (Exception e) {
            DblockException failure = new DblockException(
                    "The device " + created.name() + " is gone, but " + what + " failed to close: " + e, e);
            if (before == null) {
                return failure;
            }
            before.addSuppressed(failure);
            return before;
        }
    }

    /** Whether its store is there: it is on a supply as long as it is. */
    boolean isOpen() {
        return powerSupply.feeds(this);
    }
}
