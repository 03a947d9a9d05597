// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.DblockException;
import io.dblock.DeviceStatistics;
import io.dblock.fault.Faults;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestHandler;
import io.dblock.internal.fault.Disk;
import io.dblock.internal.fault.Evidence;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.store.Store;
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
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * A device that this JVM serves on its own control session, with one thread per queue while the device is busy. This class
 * creates the parts of the device, starts and ends them in order, and does what takes several of them. No part knows it.
 */
final class LocalDevice implements ServedDevice {
    private static final Duration JOIN = Duration.ofSeconds(5);

    private final DeviceParts parts;
    private final KernelDevice kernel;
    private final Filters filters;
    /** Closed with the device. */
    private final AutoCloseable handler;
    /** What answers the requests, for messages. */
    private final String answers;
    /** Whether the handler or store can write. */
    private final boolean writable;

    /** The lock of {@link #resize}. */
    private final Object sizing = new Object();

    private boolean closed;

    private LocalDevice(DeviceParts parts, AutoCloseable handler, Object answering, Set<Operation> operations) {
        this.parts = parts;
        kernel = parts.kernel();
        filters = parts.filters();
        this.handler = handler;
        answers =
                (answering instanceof Store || answering instanceof ZonedStore ? "the built-in store " : "the handler ")
                        + answering.getClass().getName();
        writable = operations.contains(Operation.WRITE);
    }

    /**
     * Creates a device on this session, which it then owns, and serves it with this handler. A built-in store gets a write
     * cache.
     */
    static LocalDevice create(
            ControlSession session, DeviceParameters parameters, FilterSpec spec, BlockHandler handler) {
        if (!(handler instanceof Store store)) {
            return create(session, parameters, spec, new HandlerDisk(handler), handler, handler, handler.supports());
        }
        KernelDevice kernel = KernelDevice.create(session, parameters);
        Failures failures = new Failures();
        Filters filters = Filters.overStore(kernel.parameters(), kernel::size, failures, spec, store);
        // The write cache closes the store: with the device or, if that is later, with the last snapshot.
        return new LocalDevice(DeviceParts.of(kernel, filters, failures), () -> {}, store, store.supports()).serve();
    }

    /** Creates a device that is served with a handler in request form. */
    static LocalDevice create(
            ControlSession session, DeviceParameters parameters, FilterSpec spec, RequestHandler handler) {
        return create(session, parameters, spec, new RequestDisk(handler), () -> {}, handler, handler.supports());
    }

    /** Creates a device that is served from a zoned store, without a write cache. */
    static LocalDevice create(ControlSession session, DeviceParameters parameters, FilterSpec spec, ZonedStore store) {
        return create(session, parameters, spec, new ZonedDisk(store), store, store, EnumSet.allOf(Operation.class));
    }

    private static LocalDevice create(
            ControlSession session,
            DeviceParameters parameters,
            FilterSpec spec,
            Disk disk,
            AutoCloseable handler,
            Object answering,
            Set<Operation> operations) {
        KernelDevice kernel = KernelDevice.create(session, parameters);
        Failures failures = new Failures();
        Filters filters = Filters.over(kernel.parameters(), kernel::size, failures, spec, disk);
        return new LocalDevice(DeviceParts.of(kernel, filters, failures), handler, answering, operations).serve();
    }

    private LocalDevice serve() {
        try {
            parts.serving().start(queue -> new Worker(parts, queue));
            return this;
        } catch (RuntimeException | Error e) {
            try {
                close();
            } catch (DblockException other) {
                e.addSuppressed(other);
            }
            throw e;
        }
    }

    DeviceParts parts() {
        return parts;
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
        return kernel.created();
    }

    @Override
    public DeviceInfo info() {
        return kernel.info();
    }

    @Override
    public void start() {
        kernel.start();
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

    @Override
    public CutReport powerCut(Survivors survivors) {
        CutReport report = filters.powerSupply().cut(survivors).get(filters);
        if (report == null) {
            throw new IllegalStateException(kernel.name() + " is closed.");
        }
        return report;
    }

    @Override
    public void restorePower() {
        filters.powerSupply().restore(filters);
    }

    @Override
    public boolean powered() {
        return filters.powered();
    }

    @Override
    public List<UnflushedWrite> unflushed() {
        filters.requireStore("unflushed()");
        return filters.cache().unflushed();
    }

    @Override
    public ServedSnapshot snapshot() {
        return filters.snapshot();
    }

    @Override
    public ServedSnapshot snapshot(Survivors survivors) {
        return filters.snapshot(survivors);
    }

    @Override
    public ServedRecording record() {
        filters.requireStore("a recording");
        return new LocalRecording(filters.cache().record());
    }

    @Override
    public void show(ServedRecording recording, byte[] changes) {
        long[] numbers = new long[changes.length / Long.BYTES];
        ByteBuffer.wrap(changes).asLongBuffer().get(numbers);
        filters.cache().show(((LocalRecording) recording).recording(), numbers);
    }

    @Override
    public Reads reads(long after) {
        return Reads.of(recorder().entries(after), after);
    }

    @Override
    public void resize(long bytes) {
        filters.requireStore("resize(bytes)");
        int block = kernel.parameters().logicalBlock();
        if (bytes <= 0 || bytes % block != 0) {
            throw new IllegalArgumentException(
                    "size is " + bytes + ". Allowed: positive multiples of the logical block (" + block + " bytes).");
        }
        if (!writable) {
            throw new IllegalStateException("The size of " + kernel.name() + " cannot be changed: " + answers
                    + " keeps a read-only image. Use ImageMode.COPY_ON_WRITE or IN_PLACE.");
        }
        synchronized (sizing) {
            long before = kernel.size();
            if (bytes == before) {
                return;
            }
            // The kernel must not send requests beyond the end of the store: it learns a smaller size first, a larger
            // one last.
            boolean done = false;
            try {
                if (bytes < before) {
                    kernel.resize(bytes);
                    filters.cache().resize(bytes);
                } else {
                    filters.cache().resize(bytes);
                    kernel.resize(bytes);
                }
                done = true;
            } catch (IOException e) {
                throw new DblockException(
                        "The store of " + kernel.name() + " cannot have " + bytes + " bytes: " + e, e);
            } finally {
                if (!done && kernel.size() != before) {
                    kernel.resize(before);
                }
            }
            filters.journal().note(EventKind.RESIZED, "from " + before + " to " + bytes + " bytes");
        }
    }

    @Override
    public void setReadOnly(boolean readOnly) {
        if (!readOnly && !writable) {
            throw new IllegalStateException(kernel.name() + " cannot be made writable: " + answers
                    + " does not write. Make the device with an image or a handler that does.");
        }
        kernel.setReadOnly(readOnly);
        filters.journal().note(EventKind.WRITE_PROTECTION, readOnly ? "on" : "off");
    }

    @Override
    public DeviceStatistics statistics() {
        return parts.counters().statistics();
    }

    @Override
    public List<Throwable> failures() {
        return parts.failures().list();
    }

    @Override
    public void destroy(boolean force) {
        kernel.destroy(force);
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
        // Requests that fault rules keep waiting are answered now; the kernel has already failed them with the device.
        filters.endFaults();
        parts.answerer().close();
        String stuck = parts.serving().close(JOIN);
        if (stuck == null && !awaitNobody()) {
            stuck = "a thread that answers one of its requests, or destroys it,";
        }
        if (stuck != null) {
            // The stuck thread may still use the session and the store, so both stay open.
            DblockException left = new DblockException("The device " + kernel.name() + " is gone, but " + stuck
                    + " has not ended within " + 2 * JOIN.toSeconds()
                    + " s: its handler does not return. Its memory is not freed.");
            if (failure != null) {
                left.addSuppressed(failure);
            }
            throw left;
        }
        failure = closing("the session", kernel, failure);
        failure = closing("the store", filters, failure);
        failure = closing("the handler", handler, failure);
        if (failure != null) {
            throw failure;
        }
    }

    /** Waits until no thread gives answers or destroys the device; returns false if one still does after {@link #JOIN}. */
    private boolean awaitNobody() {
        long deadline = System.nanoTime() + JOIN.toNanos();
        while (!parts.answerer().isDone() || kernel.isBeingDestroyed()) {
            if (System.nanoTime() > deadline) {
                return false;
            }
            Thread.onSpinWait();
        }
        return true;
    }

    /** Closes one of several resources. Returns the failures so far instead of throwing, so that the next is closed, too. */
    private DblockException closing(String what, AutoCloseable resource, DblockException before) {
        try {
            resource.close();
            return before;
        } catch (Exception e) {
            DblockException failure = new DblockException(
                    "The device " + kernel.name() + " is gone, but " + what + " failed to close: " + e, e);
            if (before == null) {
                return failure;
            }
            before.addSuppressed(failure);
            return before;
        }
    }
}
