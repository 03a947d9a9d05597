// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.DblockException;
import io.dblock.internal.kernel.Command;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.server.DeviceServer;
import io.dblock.internal.server.FilterSpec;
import io.dblock.internal.server.ServedDevice;
import io.dblock.internal.server.StoreSpec;
import io.dblock.internal.watchdog.Watchdog;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * A server in another process, reached over a connection. It counts its users: devices, snapshots and watches. A server
 * that was given up ends when its last user is gone. Safe for use by several threads.
 */
final class RemoteServer implements DeviceServer {
    private final long pid;
    private final Connection connection;
    private final TestCommandHandler test = new TestCommandHandler();
    private final Supplier<ControlSession> sessions;
    private final Runnable ifOfNoUse;

    // Guarded by this.
    private int users;
    private boolean givenUp;

    /**
     * Creates a server over these streams.
     *
     * @param sessions opens a session of the module for this process
     * @param ifOfNoUse ends the other process without waiting for it; called when the server is given up and has no users
     */
    RemoteServer(
            InputStream in,
            OutputStream out,
            long pid,
            Peer peer,
            Supplier<ControlSession> sessions,
            Runnable ifOfNoUse) {
        this.pid = pid;
        this.sessions = sessions;
        this.ifOfNoUse = ifOfNoUse;
        connection = new Connection(in, out, TestCommands.class, peer);
        connection.atEnd(test::end);
    }

    /**
     * Starts the connection, and waits for the first answer.
     *
     * @throws DblockException if it does not come within the limit
     */
    void start(Duration limit) {
        connection.start(test);
        commands(limit).hello();
    }

    long pid() {
        return pid;
    }

    ServerCommands commands() {
        return commands(Command.timeout());
    }

    ServerCommands commands(Duration limit) {
        return connection.remote(ServerCommands.class, limit);
    }

    /** Returns whether the connection has not ended. */
    boolean isOpen() {
        return connection.isOpen();
    }

    /** See {@link Connection#answers()}. */
    boolean answers() {
        return connection.answers();
    }

    References references() {
        return connection.references();
    }

    TestCommandHandler test() {
        return test;
    }

    ControlSession openSession() {
        return sessions.get();
    }

    void disconnect() {
        connection.close();
    }

    // ---- who uses it ----

    /** Adds a user, that is, a device, a snapshot or a watch; {@link #release} removes it. */
    synchronized void use() {
        users++;
    }

    /**
     * Removes a user: it was closed, or could not be made. A server that does not answer now is given up. It may not know of
     * the close, and so still keep what was closed, or even go on making it.
     */
    void release() {
        boolean over;
        synchronized (this) {
            users--;
            givenUp |= !answers();
            over = givenUp && users == 0;
        }
        if (over) {
            ifOfNoUse.run();
        }
    }

    /** Gives this server up: it gets no further devices. */
    void giveUp() {
        boolean over;
        synchronized (this) {
            over = !givenUp && users == 0;
            givenUp = true;
        }
        if (over) {
            ifOfNoUse.run();
        }
    }

    synchronized boolean isGivenUp() {
        return givenUp;
    }

    // ---- devices ----

    @Override
    public ServedDevice create(DeviceParameters parameters, FilterSpec filters, StoreSpec store) {
        StoreSpec absolute = new StoreSpec(
                store.size(),
                store.logicalBlock(),
                store.image().map(Path::toAbsolutePath),
                store.mode(),
                store.zones());
        return RemoteDevice.make(this, () -> commands().create(parameters, filters, absolute));
    }

    /** Makes the server watch a device of this JVM, given by the module's number; see {@link ServerProcess#watch}. */
    Watchdog.Watch watch(int id, List<String> description, Consumer<String> reports) {
        AtomicBoolean over = new AtomicBoolean();
        Watchdog.Watch watch = () -> {
            if (over.compareAndSet(false, true)) {
                test.removeReports(id);
                release();
            }
        };
        use();
        test.addReports(id, reports);
        boolean done = false;
        try {
            commands().watch(id, description);
            done = true;
            return watch;
        } finally {
            if (!done) {
                watch.close();
            }
        }
    }

    @Override
    public void joinPower(List<ServedDevice> devices) {
        commands().joinPower(numbersToCut(devices));
    }

    @Override
    public List<Optional<CutReport>> cutPower(List<ServedDevice> devices, Survivors survivors) {
        return commands().cutPower(numbersToCut(devices), survivors);
    }

    /** Returns the numbers of devices whose power is cut, now or later. */
    private List<Long> numbersToCut(List<ServedDevice> devices) {
        List<Long> numbers = new ArrayList<>();
        for (ServedDevice device : devices) {
            if (!(device instanceof RemoteDevice remote) || remote.server() != this) {
                throw new IllegalArgumentException(device.created().name()
                        + " is served by another process. Allowed: devices of one placement, none of which was made before the server"
                        + " process was replaced.");
            }
            remote.mayBeCut();
            numbers.add(remote.number());
        }
        return numbers;
    }

    @Override
    public String toString() {
        return "server process " + pid;
    }
}
