// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Forwards TCP ports of this host to a guest. It listens from the start. Once the guest's command runs, frames carry the
 * connections, and {@code guest-init.c} connects to the guest's port for each.
 *
 * <p>Each side sends only as many bytes per connection as the other has given it credit for, and has buffers for as many.
 * So a program that does not read blocks only its own connection. Only the guest ends a connection, which frees its number
 * and buffers.
 *
 * <p>The thread that reads from the guest calls {@link #handle}, which never waits. One other thread does all I/O on the
 * connections and sends all frames about them.
 */
final class PortForwarder implements AutoCloseable {

    /** The most connections at a time, as in {@code guest-init.c}. Further ones wait until they are accepted. */
    static final int MAX_CONNECTIONS = 64;

    /** The most bytes under way on one connection in one direction. */
    static final int WINDOW = 65536;

    private static final int NUMBER_SIZE = 4;

    /** How long programs may still read bytes from the guest after its end. */
    private static final long DRAIN_MS = 2000;

    private record Listener(ForwardedPort port, ServerSocketChannel channel) {}

    private static final class Connection {
        final int number;
        final ForwardedPort port;
        final SocketChannel channel;

        // Used by the forwarding thread only.
        SelectionKey key;
        boolean readable;
        boolean writable = true;
        boolean inEnded;
        boolean outShut;
        boolean aborted;
        int taken;

        // Guarded by the forwarder.
        final ByteBuffer pending = ByteBuffer.allocate(WINDOW);
        int outCredit = WINDOW;
        int inCredit = WINDOW;
        boolean outEnded;
        boolean refused;
        String closed;

        Connection(int number, ForwardedPort port, SocketChannel channel) {
            this.number = number;
            this.port = port;
            this.channel = channel;
        }
    }

    private final List<Listener> listeners;
    private final Consumer<String> messages;
    private final Set<ForwardedPort> toldRefused = new HashSet<>();
    private final ByteBuffer chunk = ByteBuffer.allocate(Frame.MAX_PAYLOAD).order(ByteOrder.LITTLE_ENDIAN);
    private boolean toldFull;

    /** Null until the guest's command runs. */
    private Selector selector;

    private FrameWriter toGuest;

    /** A permit is acquired for each frame, and released once the guest has taken the frame. */
    private Semaphore frames;

    private int frameSize;
    private Thread thread;
    private boolean guestGone;

    // Guarded by this.
    private final Map<Integer, Connection> connections = new LinkedHashMap<>();
    private int opened;
    private boolean closing;

    private PortForwarder(List<Listener> listeners, Consumer<String> messages) {
        this.listeners = List.copyOf(listeners);
        this.messages = messages;
    }

    /**
     * Listens on these ports of 127.0.0.1. Connections wait until {@link #start}.
     *
     * @param messages gets lines of text for the user
     * @throws VmException if it cannot listen on one of them
     */
    static PortForwarder listen(List<ForwardedPort> ports, Consumer<String> messages) {
        List<Listener> listeners = new ArrayList<>();
        for (ForwardedPort port : ports) {
            ServerSocketChannel channel = null;
            try {
                channel = ServerSocketChannel.open();
                channel.bind(
                        new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), port.host()),
                        MAX_CONNECTIONS);
                channel.configureBlocking(false);
                listeners.add(new Listener(port, channel));
            } catch (IOException e) {
                quietly(channel);
                listeners.forEach(listener -> quietly(listener.channel()));
                throw cannotListen(port, e);
            }
        }
        return new PortForwarder(listeners, messages);
    }

    private static VmException cannotListen(ForwardedPort port, IOException e) {
        boolean used =
                e instanceof BindException && String.valueOf(e.getMessage()).contains("in use");
        String remedy = used
                ? " is in use by another program, perhaps another guest ('ss -ltnp sport = :" + port.host()
                        + "' shows it). End that one, or name"
                : " cannot be listened on: " + e.getMessage() + ". Name";
        int other = port.host() < 55536 ? port.host() + 10000 : port.host() - 10000;
        return new VmException(
                VmSettings.FORWARD + "=" + port + ": port " + port.host() + " of this host (127.0.0.1)" + remedy
                        + " another port of this host's, such as " + VmSettings.FORWARD + "=" + other + ":"
                        + port.guest(),
                e);
    }

    /**
     * Starts to accept connections. Must be called at most once, when the guest can receive frames.
     *
     * @param mostBytes the largest payload of a frame
     * @param mostFrames a permit for each further frame that may be under way to the guest. Other senders use it, too; the
     *     caller releases a permit for each frame that the guest has taken
     */
    synchronized void start(FrameWriter guest, int mostBytes, Semaphore mostFrames) {
        if (listeners.isEmpty()) {
            return;
        }
        toGuest = guest;
        frameSize = mostBytes;
        frames = mostFrames;
        try {
            selector = Selector.open();
            for (Listener listener : listeners) {
                listener.channel().register(selector, SelectionKey.OP_ACCEPT, listener);
            }
        } catch (IOException e) {
            throw new VmException("cannot forward ports to the guest: " + e.getMessage(), e);
        }
        thread = new Thread(this::serve, "dblock-vm-forward");
        thread.setDaemon(true);
        thread.start();
    }

    /**
     * Handles a frame about a connection from the guest. Does not wait.
     *
     * @throws DamagedStreamException if the guest cannot have sent this frame, or not now
     */
    void handle(Frame frame) throws DamagedStreamException {
        int length = frame.payload().length - NUMBER_SIZE;
        int number = length < 0 ? -1 : frame.int32(0);
        synchronized (this) {
            Connection connection = connections.get(number);
            if (connection == null && closing) {
                return;
            }
            check(connection != null, frame, "of no connection that is open");
            check(connection.closed == null, frame, "of a connection that is closed");
            switch (frame.type()) {
                case CONNECTION_OUT -> {
                    check(length > 0 && !connection.outEnded, frame, "without bytes, or after the last");
                    check(length <= connection.outCredit, frame, "with more bytes than it had credit for");
                    connection.outCredit -= length;
                    if (!connection.aborted) {
                        connection.pending.put(frame.payload(), NUMBER_SIZE, length);
                    }
                }
                case CONNECTION_OUT_END -> {
                    check(length == 0 && !connection.outEnded, frame, "for the second time");
                    connection.outEnded = true;
                }
                case CONNECTION_IN_CREDIT -> {
                    check(length == 4, frame, "of a wrong length");
                    int credit = frame.int32(NUMBER_SIZE);
                    check(credit > 0 && credit <= WINDOW - connection.inCredit, frame, "for more bytes than were sent");
                    connection.inCredit += credit;
                }
                case CONNECTION_REFUSED, CONNECTION_CLOSED -> {
                    connection.refused = frame.type() == FrameType.CONNECTION_REFUSED;
                    connection.closed = new String(frame.payload(), NUMBER_SIZE, length, StandardCharsets.UTF_8);
                    check(
                            connection.outEnded || !connection.closed.isEmpty(),
                            frame,
                            "without a reason and before the last byte");
                }
                default -> check(false, frame, "not from a guest");
            }
        }
        selector.wakeup();
    }

    private static void check(boolean good, Frame frame, String what) throws DamagedStreamException {
        if (!good) {
            throw new DamagedStreamException("a frame of type " + frame.type() + " came " + what);
        }
    }

    private void serve() {
        try {
            long deadline = Long.MAX_VALUE;
            while (!isDrained() && System.nanoTime() < deadline) {
                selector.select(isClosing() ? 100 : 0);
                for (SelectionKey key : selector.selectedKeys()) {
                    if (key.attachment() instanceof Connection connection) {
                        connection.readable |= key.isReadable();
                        connection.writable |= key.isWritable();
                    }
                }
                selector.selectedKeys().clear();
                for (Connection connection : all()) {
                    carry(connection);
                }
                if (!isClosing()) {
                    accept();
                } else if (deadline == Long.MAX_VALUE) {
                    listeners.forEach(listener -> quietly(listener.channel()));
                    deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(DRAIN_MS);
                }
            }
        } catch (IOException | RuntimeException e) {
            messages.accept("ports are not forwarded any longer: " + e);
            all().forEach(connection -> tell(FrameType.CONNECTION_ABORT, connection));
        } finally {
            synchronized (this) {
                closing = true;
            }
            listeners.forEach(listener -> quietly(listener.channel()));
            all().forEach(this::end);
            quietly(selector);
        }
    }

    private synchronized boolean isClosing() {
        return closing;
    }

    /** Returns whether this is closing and programs have read all bytes from the guest. */
    private synchronized boolean isDrained() {
        return closing && connections.values().stream().allMatch(connection -> connection.pending.position() == 0);
    }

    private synchronized List<Connection> all() {
        return List.copyOf(connections.values());
    }

    private void accept() throws IOException {
        for (Listener listener : listeners) {
            while (all().size() < MAX_CONNECTIONS) {
                SocketChannel channel = listener.channel().accept();
                if (channel == null) {
                    break;
                }
                channel.configureBlocking(false);
                channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
                Connection connection;
                synchronized (this) {
                    connection = new Connection(opened++, listener.port(), channel);
                    connections.put(connection.number, connection);
                }
                connection.key = channel.register(selector, SelectionKey.OP_READ, connection);
                tell(FrameType.CONNECT, connection, listener.port().guest());
            }
        }
        boolean full = all().size() == MAX_CONNECTIONS;
        if (full && !toldFull) {
            toldFull = true;
            messages.accept("there are " + MAX_CONNECTIONS
                    + " connections to forwarded ports, which is the most: others wait until one of them is closed");
        }
        for (Listener listener : listeners) {
            listener.channel().keyFor(selector).interestOps(full ? 0 : SelectionKey.OP_ACCEPT);
        }
    }

    /** Reads and writes as much of a connection as is possible without waiting, and ends it if it is over. */
    private void carry(Connection connection) {
        try {
            if (!connection.aborted) {
                write(connection);
                read(connection);
            }
        } catch (IOException e) {
            // The program on this host is gone. The connection ends when the guest says so.
            connection.aborted = true;
            reset(connection.channel);
            synchronized (this) {
                connection.pending.clear();
            }
            tell(FrameType.CONNECTION_ABORT, connection);
        }
        if (isOver(connection)) {
            if (connection.refused && !connection.aborted && toldRefused.add(connection.port)) {
                messages.accept("port " + connection.port.guest() + " of the guest, to which port "
                        + connection.port.host() + " of this host leads, took no connection: " + connection.closed);
            }
            end(connection);
        } else if (!connection.aborted) {
            connection.key.interestOps(interest(connection));
        }
    }

    private synchronized int interest(Connection connection) {
        boolean read = !connection.inEnded && connection.inCredit > 0 && connection.closed == null && !guestGone;
        boolean write = connection.pending.position() > 0;
        return (read ? SelectionKey.OP_READ : 0) | (write ? SelectionKey.OP_WRITE : 0);
    }

    /** Returns whether the guest has closed the connection and the program here has got all bytes, or is gone. */
    private synchronized boolean isOver(Connection connection) {
        return connection.closed != null && (connection.aborted || connection.pending.position() == 0);
    }

    private void write(Connection connection) throws IOException {
        int written = 0;
        boolean all;
        synchronized (this) {
            if (connection.writable && connection.pending.position() > 0) {
                connection.pending.flip();
                try {
                    written = connection.channel.write(connection.pending);
                } finally {
                    connection.pending.compact();
                }
                connection.writable = connection.pending.position() == 0;
            }
            all = connection.outEnded && connection.pending.position() == 0;
            connection.taken += written;
        }
        if (connection.taken >= WINDOW / 2) {
            int credit = connection.taken;
            connection.taken = 0;
            synchronized (this) {
                connection.outCredit += credit;
            }
            tell(FrameType.CONNECTION_OUT_CREDIT, connection, credit);
        }
        if (all && !connection.outShut) {
            connection.outShut = true;
            connection.channel.shutdownOutput();
        }
    }

    /** Reads at most one frame, so that each connection gets its turn. */
    private void read(Connection connection) throws IOException {
        if (!connection.readable || (interest(connection) & SelectionKey.OP_READ) == 0) {
            return;
        }
        connection.readable = false;
        chunk.clear().putInt(connection.number);
        synchronized (this) {
            chunk.limit(Math.min(frameSize, NUMBER_SIZE + connection.inCredit));
        }
        int n = connection.channel.read(chunk);
        if (n < 0) {
            connection.inEnded = true;
            tell(FrameType.CONNECTION_IN_END, connection);
        } else if (n > 0) {
            synchronized (this) {
                connection.inCredit -= n;
            }
            tell(FrameType.CONNECTION_IN, chunk.array(), NUMBER_SIZE + n);
        }
    }

    private void tell(FrameType type, Connection connection, int... values) {
        ByteBuffer payload =
                ByteBuffer.allocate(NUMBER_SIZE + 4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        payload.putInt(connection.number);
        for (int value : values) {
            payload.putInt(value);
        }
        tell(type, payload.array(), payload.capacity());
    }

    /** Sends a frame. If that fails, the guest is gone, which its reader reports; bytes from it are still passed on. */
    private void tell(FrameType type, byte[] payload, int length) {
        try {
            while (!guestGone && !frames.tryAcquire(100, TimeUnit.MILLISECONDS)) {
                guestGone = isClosing();
            }
            if (guestGone) {
                return;
            }
            toGuest.write(type, payload, 0, length);
        } catch (IOException e) {
            guestGone = true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            guestGone = true;
        }
    }

    /** Closes a connection. Resets it instead if the program here has not got all bytes. */
    private void end(Connection connection) {
        boolean whole;
        synchronized (this) {
            connections.remove(connection.number);
            whole = connection.outEnded
                    && connection.pending.position() == 0
                    && (connection.closed == null || connection.closed.isEmpty());
        }
        if (whole) {
            quietly(connection.channel);
        } else {
            reset(connection.channel);
        }
    }

    private static void reset(SocketChannel channel) {
        try {
            if (channel.isOpen()) {
                channel.setOption(StandardSocketOptions.SO_LINGER, 0);
            }
        } catch (IOException ignored) {
            // The channel is closed below in any case.
        }
        quietly(channel);
    }

    private static void quietly(AutoCloseable closeable) {
        try {
            if (closeable != null) {
                closeable.close();
            }
        } catch (Exception ignored) {
            // Nothing more can be done.
        }
    }

    /** Ends all connections. Programs get two seconds to read the bytes that have come from the guest. */
    @Override
    public void close() {
        Thread forwarding;
        synchronized (this) {
            closing = true;
            forwarding = thread;
        }
        if (forwarding == null) {
            listeners.forEach(listener -> quietly(listener.channel()));
            return;
        }
        selector.wakeup();
        try {
            forwarding.join(2 * DRAIN_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
