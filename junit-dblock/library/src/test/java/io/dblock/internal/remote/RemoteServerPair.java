// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.internal.kernel.FakeKernel;
import io.dblock.internal.server.FakeKernelServer;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;

/** A server and its client in one JVM: a {@link CommandServer} over a {@link FakeKernel}, and a {@link RemoteServer}. */
final class RemoteServerPair implements AutoCloseable {
    private static final Duration LONG = Duration.ofSeconds(60);

    final FakePeer peer = new FakePeer("The server process (pid 4711)");
    final RemoteServer remote;
    /** How often the process would have been killed because it had no users. */
    final AtomicInteger kills = new AtomicInteger();

    /** How often the test has written to the server: once for each call, if they come one after the other. */
    final AtomicInteger writes = new AtomicInteger();

    private final Connection server;
    private final CommandServer commands;
    private final Gate gate;

    RemoteServerPair(FakeKernel kernel) {
        this(kernel, UnaryOperator.identity());
    }

    RemoteServerPair(FakeKernel kernel, UnaryOperator<Path> ofTest) {
        try {
            PipedInputStream toServer = new PipedInputStream(1 << 16);
            PipedInputStream toTest = new PipedInputStream(1 << 16);
            PipedOutputStream pipe = new PipedOutputStream(toServer);
            OutputStream fromTest = new FilterOutputStream(pipe) {
                @Override
                public void write(byte[] bytes, int offset, int length) throws IOException {
                    writes.incrementAndGet();
                    out.write(bytes, offset, length);
                }
            };
            PipedOutputStream fromServer = new PipedOutputStream(toTest);
            gate = new Gate(toServer);
            server = new Connection(gate, fromServer, ServerCommands.class, new FakePeer("The test"));
            remote = new RemoteServer(
                    toTest, fromTest, ProcessHandle.current().pid(), peer, kernel::session, kills::incrementAndGet);
            commands = new CommandServer(
                    new FakeKernelServer(kernel),
                    server.remote(TestCommands.class, LONG),
                    server.references(),
                    ProcessHandle.current().pid(),
                    ofTest);
            server.start(commands);
            remote.start(LONG);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns how many objects both sides together can call by reference. */
    int references() {
        return server.references().size() + remote.references().size();
    }

    /** Stops the server, like SIGSTOP. */
    void stop() {
        gate.close(true);
        peer.becomes(Peer.Liveness.STOPPED);
    }

    /** Continues the server, like SIGCONT. */
    void goOn() {
        peer.becomes(Peer.Liveness.IDLE);
        gate.close(false);
    }

    /** Kills the server, like SIGKILL, except that its sessions of the module stay open. */
    void die() {
        peer.becomes(Peer.Liveness.GONE);
        server.close();
    }

    /** Destroys all devices, like the end of the process. */
    void destroyAll() {
        commands.destroyAll();
    }

    @Override
    public void close() {
        gate.close(false);
        remote.disconnect();
        server.close();
        destroyAll();
    }
}
