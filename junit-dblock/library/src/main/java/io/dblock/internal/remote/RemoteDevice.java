// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.DblockException;
import io.dblock.DeviceStatistics;
import io.dblock.fault.Faults;
import io.dblock.handler.Errno;
import io.dblock.internal.fault.Evidence;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.remote.ServerCommands.Made;
import io.dblock.internal.remote.ServerCommands.Remains;
import io.dblock.internal.server.Reads;
import io.dblock.internal.server.ServedDevice;
import io.dblock.internal.server.ServedRecording;
import io.dblock.internal.server.ServedSnapshot;
import io.dblock.internal.watchdog.Watchdog;
import io.dblock.journal.Journal;
import io.dblock.journal.Recorder;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * A device that the server process serves. Its state in the kernel is read from the module directly, and the module can
 * also destroy it, so that the device can be removed even if the server process does not answer.
 */
final class RemoteDevice implements ServedDevice {
    private static final Duration DESTROY = Duration.ofSeconds(20);
    private static final Duration CLOSE = Duration.ofSeconds(60);

    private final RemoteServer server;
    private final Made made;
    private final ControlSession control;
    private final RemoteRecorder recorder;
    private final Journal journal;

    /** The current size in bytes. */
    private volatile long size;

    /** Whether the device, or a snapshot of it, may have been cut. */
    private volatile boolean cuts;

    private volatile Optional<Remains> remains = Optional.empty();
    private boolean closed;
    /** Whether {@link #control} is closed, or about to be. */
    private volatile boolean ended;

    private RemoteDevice(RemoteServer server, Made made, ControlSession control) {
        this.server = server;
        this.made = made;
        this.control = control;
        recorder = new RemoteRecorder(this, made.recorder());
        size = made.info().parameters().size();
        journal = new Journal(recorder, () -> size, made.info().parameters().logicalBlock());
    }

    /** Returns the device that {@code maker} makes on the server. */
    static RemoteDevice make(RemoteServer server, Supplier<Made> maker) {
        // This loads the module if needed. It must be this JVM that loads it, because this JVM unloads it.
        ControlSession control = server.openSession();
        server.use();
        boolean done = false;
        try {
            RemoteDevice device = new RemoteDevice(server, maker.get(), control);
            done = true;
            return device;
        } finally {
            if (!done) {
                control.close();
                server.release();
            }
        }
    }

    ServerCommands commands() {
        return server.commands();
    }

    /** Returns the server's number of the device. */
    long number() {
        return made.number();
    }

    /** Returns what is left of the device; empty until it is closed. */
    Optional<Remains> remains() {
        return remains;
    }

    @Override
    public Answering answering() {
        Watchdog.Party jvm = new Watchdog.Party("the server process", server.pid(), () -> server.commands(DESTROY)
                .stacks());
        return new Answering(jvm, true, List.of("a built-in store in the server process answers"));
    }

    @Override
    public RemoteServer server() {
        return server;
    }

    @Override
    public DeviceInfo created() {
        return made.info();
    }

    @Override
    public DeviceInfo info() {
        return control.info(made.info().id());
    }

    @Override
    public void start() {
        made.device().start();
    }

    @Override
    public void resize(long bytes) {
        made.device().resize(bytes);
        size = bytes;
    }

    @Override
    public void setReadOnly(boolean readOnly) {
        made.device().setReadOnly(readOnly);
    }

    @Override
    public DeviceStatistics statistics() {
        return made.device().statistics();
    }

    @Override
    public Faults faults() {
        return made.faults();
    }

    /** Asks the server only if there may be something: most devices have no rule and no power cut. */
    @Override
    public Evidence evidence() {
        return cuts || ((RemoteFaults) made.faults()).everAdded()
                ? made.device().evidence()
                : Evidence.NONE;
    }

    /** Notes that the power of the device may be cut, by a call or by a rule of another device. */
    void mayBeCut() {
        cuts = true;
    }

    @Override
    public Recorder recorder() {
        return recorder;
    }

    @Override
    public Journal journal() {
        return journal;
    }

    @Override
    public CutReport powerCut(Survivors survivors) {
        mayBeCut();
        return made.device().powerCut(survivors);
    }

    @Override
    public void restorePower() {
        made.device().restorePower();
    }

    @Override
    public boolean powered() {
        return made.device().powered();
    }

    @Override
    public List<UnflushedWrite> unflushed() {
        return made.device().unflushed();
    }

    @Override
    public ServedSnapshot snapshot() {
        return new RemoteSnapshot(server, commands().snapshot(number()));
    }

    @Override
    public ServedSnapshot snapshot(Survivors survivors) {
        mayBeCut();
        return new RemoteSnapshot(server, commands().snapshotAfterCut(number(), survivors));
    }

    @Override
    public ServedRecording record() {
        return made.device().record();
    }

    @Override
    public void show(ServedRecording recording, byte[] changes) {
        made.device().show(recording, changes);
    }

    @Override
    public Reads reads(long after) {
        return made.device().reads(after);
    }

    @Override
    public List<Throwable> failures() {
        return made.device().failures();
    }

    @Override
    public void destroy(boolean force) {
        if (ended) {
            return;
        }
        try {
            server.references().within(DESTROY, made.device()).destroy(force);
        } catch (ControlException e) {
            throw e;
        } catch (DblockException e) {
            // The server process is gone or does not answer, but the module does.
            destroyDirectly(force);
        } catch (IllegalStateException e) {
            // If the device was closed meanwhile, it is destroyed.
            if (remains.isEmpty()) {
                throw e;
            }
        }
    }

    /** Also closes the device at the server, which {@link #close()} then need not ask. */
    @Override
    public void destroyToClose() {
        if (ended) {
            return;
        }
        try {
            keep(server.commands(DESTROY).destroyAndClose(number()));
        } catch (ControlException e) {
            throw e;
        } catch (DblockException e) {
            // The server process is gone or does not answer, but the module does. What else failed, close() tells.
            destroyDirectly(false);
        } catch (IllegalStateException e) {
            // If the device was closed meanwhile, it is destroyed.
            if (remains.isEmpty()) {
                throw e;
            }
        }
    }

    private void keep(Remains left) {
        // Set this first: callers that find the device closed look for what is left.
        remains = Optional.of(left);
        server.references().ended(made.device(), left.last());
    }

    private void destroyDirectly(boolean force) {
        try {
            control.destroy(made.info().id(), force);
        } catch (ControlException e) {
            if (!e.is(Errno.ENODEV) && !e.is(Errno.EALREADY)) {
                throw e;
            }
        }
    }

    /** Closes the device. If the server process does not answer, the module destroys the device, and this throws. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        try {
            if (remains.isEmpty()) {
                keep(server.commands(CLOSE).close(number()));
            }
        } catch (RuntimeException | Error e) {
            try {
                destroyDirectly(true);
            } catch (DblockException other) {
                e.addSuppressed(other);
            }
            throw e;
        } finally {
            ended = true;
            server.references().ended(made.device());
            control.close();
            server.release();
        }
    }
}
