// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.Pipe;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tests of the launcher's side of connections into a guest. The test is the guest's side. */
@Timeout(60)
class PortForwarderTest {

    private static final InetAddress LOOPBACK = InetAddress.getLoopbackAddress();
    private static final int GUEST_PORT = 5005;

    private final List<String> messages = new CopyOnWriteArrayList<>();
    private final List<Socket> clients = new ArrayList<>();
    private final int port = freePort();
    private final Semaphore frames = new Semaphore(Integer.MAX_VALUE);
    private PortForwarder forwarder;
    private Pipe toGuest;

    /** The frames to the guest. */
    private FrameReader told;

    @BeforeEach
    void aGuestThatRunsItsCommand() throws IOException {
        toGuest = Pipe.open();
        told = new FrameReader(Channels.newInputStream(toGuest.source()));
        forwarder = PortForwarder.listen(List.of(new ForwardedPort(port, GUEST_PORT)), messages::add);
        forwarder.start(new FrameWriter(toGuest.sink()), Frame.MAX_PAYLOAD, frames);
    }

    @AfterEach
    void closeAll() throws IOException {
        toGuest.source().close();
        forwarder.close();
        toGuest.sink().close();
        for (Socket client : clients) {
            client.close();
        }
    }

    @Test
    void bytesGoBothWaysAndEachEndsByItself() throws Exception {
        Socket client = connect(0);
        client.getOutputStream().write(bytes("question"));
        client.shutdownOutput();
        assertTold(FrameType.CONNECTION_IN, 0, bytes("question"));
        assertTold(FrameType.CONNECTION_IN_END, 0);
        says(FrameType.CONNECTION_OUT, 0, bytes("ans"));
        says(FrameType.CONNECTION_OUT, 0, bytes("wer"));
        says(FrameType.CONNECTION_OUT_END, 0);
        assertThat(client.getInputStream().readAllBytes()).isEqualTo(bytes("answer"));
        says(FrameType.CONNECTION_CLOSED, 0);
        connect(1);
        assertThat(messages).isEmpty();
    }

    @Test
    void theGuestIsSentOnlyWhatItHasGivenCreditFor() throws Exception {
        Socket client = connect(0);
        byte[] all = random(3 * PortForwarder.WINDOW);
        CompletableFuture<Void> sent = send(client, all);
        assertThat(toldBytes(0, PortForwarder.WINDOW)).isEqualTo(Arrays.copyOf(all, PortForwarder.WINDOW));
        // Further frames of the first connection would come before this one.
        connect(1);
        says(FrameType.CONNECTION_IN_CREDIT, 0, int32(1000));
        assertThat(toldBytes(0, 1000))
                .isEqualTo(Arrays.copyOfRange(all, PortForwarder.WINDOW, PortForwarder.WINDOW + 1000));
        Socket other = connect(2);
        other.getOutputStream().write(bytes("not stuck"));
        assertTold(FrameType.CONNECTION_IN, 2, bytes("not stuck"));
        says(FrameType.CONNECTION_IN_CREDIT, 0, int32(PortForwarder.WINDOW));
        toldBytes(0, PortForwarder.WINDOW);
        says(FrameType.CONNECTION_IN_CREDIT, 0, int32(PortForwarder.WINDOW));
        toldBytes(0, PortForwarder.WINDOW - 1000);
        sent.get();
    }

    @Test
    void theGuestGetsCreditOnlyForWhatTheProgramHasTaken() throws Exception {
        Socket stuck = connect(0);
        byte[] sent = sayUntilStuck();
        assertDamage(FrameType.CONNECTION_OUT, 0, bytes("x"), "with more bytes than it had credit for");
        // The program then gets all bytes that were sent.
        byte[] taken = stuck.getInputStream().readNBytes(sent.length);
        assertThat(Arrays.equals(taken, sent)).isTrue();
        Frame credit = told.next();
        assertThat(credit.type()).isEqualTo(FrameType.CONNECTION_OUT_CREDIT);
        assertThat(credit.int32(4)).isBetween(PortForwarder.WINDOW / 2, PortForwarder.WINDOW);
    }

    /** Sends as much as the host's kernel buffers for a program that does not read, until no more credit comes. */
    private byte[] sayUntilStuck() throws IOException {
        ByteArrayOutputStream sent = new ByteArrayOutputStream();
        int others = 0;
        for (int credit = PortForwarder.WINDOW; credit > 0; others += 3) {
            while (credit > 0) {
                byte[] part = random(Math.min(16384, credit));
                says(FrameType.CONNECTION_OUT, 0, part);
                sent.writeBytes(part);
                credit -= part.length;
            }
            for (int i = 1; i <= 3; i++) {
                credit += creditWhileAnotherConnectionLives(others + i);
            }
        }
        return sent.toByteArray();
    }

    /** Checks that another connection works, and returns the credit for the first one meanwhile. */
    private int creditWhileAnotherConnectionLives(int number) throws IOException {
        Socket client = client();
        int credit = told(FrameType.CONNECT, number);
        says(FrameType.CONNECTION_OUT, number, bytes("x"));
        assertThat(client.getInputStream().read()).isEqualTo('x');
        says(FrameType.CONNECTION_OUT_END, number);
        assertThat(client.getInputStream().read()).isEqualTo(-1);
        client.close();
        credit += told(FrameType.CONNECTION_IN_END, number);
        says(FrameType.CONNECTION_CLOSED, number);
        return credit;
    }

    /** Waits for this frame, and returns the credit for the first connection that came before it. */
    private int told(FrameType type, int number) throws IOException {
        int credit = 0;
        Frame frame = told.next();
        for (; frame.type() == FrameType.CONNECTION_OUT_CREDIT; frame = told.next()) {
            assertThat(frame.int32(0)).isZero();
            credit += frame.int32(4);
        }
        assertThat(frame.type()).isEqualTo(type);
        assertThat(frame.int32(0)).isEqualTo(number);
        return credit;
    }

    @Test
    void noMoreFramesAreUnderWayThanTheLineHolds() throws Exception {
        Socket client = connect(0);
        frames.drainPermits();
        client.getOutputStream().write(bytes("waits"));
        while (!frames.hasQueuedThreads()) {
            Thread.sleep(5);
        }
        frames.release();
        assertTold(FrameType.CONNECTION_IN, 0, bytes("waits"));
        assertThat(frames.availablePermits()).isZero();
    }

    @Test
    void aConnectionThatNothingTakesIsResetAndSaidOnce() throws Exception {
        for (int i = 0; i < 2; i++) {
            Socket client = connect(i);
            says(FrameType.CONNECTION_REFUSED, i, bytes("Connection refused"));
            assertThatThrownBy(() -> client.getInputStream().read())
                    .isInstanceOf(SocketException.class)
                    .hasMessage("Connection reset");
        }
        assertThat(messages)
                .containsExactly("port " + GUEST_PORT + " of the guest, to which port " + port
                        + " of this host leads, took no connection: Connection refused");
    }

    @Test
    void aResetInTheGuestIsOneHereAfterTheLastByte() throws Exception {
        Socket client = connect(0);
        says(FrameType.CONNECTION_OUT, 0, bytes("last"));
        says(FrameType.CONNECTION_CLOSED, 0, bytes("Connection reset by peer"));
        assertThat(client.getInputStream().readNBytes(4)).isEqualTo(bytes("last"));
        assertThatThrownBy(() -> client.getInputStream().read()).isInstanceOf(SocketException.class);
        assertThat(messages).isEmpty();
    }

    @Test
    void aProgramOfThisHostThatGoesAwayEndsItInTheGuest() throws Exception {
        Socket client = connect(0);
        client.setSoLinger(true, 0);
        client.close();
        assertTold(FrameType.CONNECTION_ABORT, 0);
        // A frame that was under way is dropped, and does not count as damage.
        says(FrameType.CONNECTION_OUT, 0, bytes("late"));
        says(FrameType.CONNECTION_CLOSED, 0, bytes("Connection reset by peer"));
        connect(1);
    }

    @Test
    void noMoreThanTheMostAreOpenAtOnce() throws Exception {
        for (int i = 0; i < PortForwarder.MAX_CONNECTIONS; i++) {
            connect(i);
        }
        Socket waiting = client();
        waiting.getOutputStream().write(bytes("patient"));
        Socket last = clients.get(PortForwarder.MAX_CONNECTIONS - 1);
        last.getOutputStream().write(bytes("first"));
        assertTold(FrameType.CONNECTION_IN, PortForwarder.MAX_CONNECTIONS - 1, bytes("first"));
        assertThat(messages)
                .containsExactly("there are 64 connections to forwarded ports, which is the most: others wait until one"
                        + " of them is closed");
        says(FrameType.CONNECTION_CLOSED, 7, bytes("Connection reset by peer"));
        assertTold(FrameType.CONNECT, PortForwarder.MAX_CONNECTIONS, int32(GUEST_PORT));
        assertTold(FrameType.CONNECTION_IN, PortForwarder.MAX_CONNECTIONS, bytes("patient"));
    }

    @Test
    void whatHasComeIsPassedOnThoughTheGuestIsGone() throws Exception {
        Socket client = connect(0);
        byte[] sent = sayUntilStuck();
        says(FrameType.CONNECTION_OUT_END, 0);
        Socket cut = client();
        told(FrameType.CONNECT, clients.size() - 1);
        toGuest.source().close();
        CompletableFuture<Void> closed = CompletableFuture.runAsync(forwarder::close);
        while (isListenedOn()) {
            Thread.sleep(5);
        }
        assertThat(Arrays.equals(client.getInputStream().readAllBytes(), sent)).isTrue();
        closed.get();
        assertThatThrownBy(() -> cut.getInputStream().read())
                .as("one that the guest has not ended")
                .isInstanceOf(SocketException.class);
    }

    private boolean isListenedOn() {
        try (Socket socket = new Socket(LOOPBACK, port)) {
            return socket.isConnected();
        } catch (IOException e) {
            return false;
        }
    }

    @Test
    void aProgramThatDoesNotReadHoldsUpNoEnd() throws Exception {
        connect(0);
        sayUntilStuck();
        forwarder.close();
        assertThat(Thread.getAllStackTraces().keySet())
                .noneMatch(thread -> thread.getName().equals("dblock-vm-forward"));
    }

    @Test
    void aPortInUseIsNamedWithTheRemedy() throws Exception {
        try (ServerSocket other = new ServerSocket(0, 1, LOOPBACK)) {
            int used = other.getLocalPort();
            int free = freePort();
            int proposed = used < 55536 ? used + 10000 : used - 10000;
            List<ForwardedPort> ports = List.of(new ForwardedPort(free, free), new ForwardedPort(used, 5005));
            assertThatThrownBy(() -> PortForwarder.listen(ports, messages::add))
                    .isInstanceOf(VmException.class)
                    .hasMessage("DBLOCK_VM_FORWARD=" + used + ":5005: port " + used + " of this host (127.0.0.1) is in"
                            + " use by another program, perhaps another guest ('ss -ltnp sport = :" + used
                            + "' shows it). End that one, or name another port of this host's, such as"
                            + " DBLOCK_VM_FORWARD=" + proposed + ":5005");
            // The port that could be had was freed again.
            PortForwarder.listen(List.of(new ForwardedPort(free, free)), messages::add)
                    .close();
        }
    }

    @Test
    void aPortCanBeHadAgainAtOnce() throws Exception {
        Socket client = connect(0);
        says(FrameType.CONNECTION_OUT_END, 0);
        assertThat(client.getInputStream().read()).isEqualTo(-1);
        forwarder.close();
        PortForwarder.listen(List.of(new ForwardedPort(port, GUEST_PORT)), messages::add)
                .close();
    }

    @Test
    void whatAGuestCannotSayIsDamage() throws Exception {
        connect(0);
        assertDamage(FrameType.CONNECTION_OUT, 1, bytes("x"), "of no connection that is open");
        assertDamage(FrameType.CONNECTION_OUT, 0, new byte[0], "without bytes, or after the last");
        assertDamage(FrameType.CONNECTION_IN_CREDIT, 0, int32(1), "for more bytes than were sent");
        assertDamage(FrameType.CONNECTION_IN_CREDIT, 0, int32(-1), "for more bytes than were sent");
        assertDamage(FrameType.CONNECTION_IN_CREDIT, 0, new byte[3], "of a wrong length");
        assertDamage(FrameType.CONNECTION_OUT_END, 0, bytes("x"), "for the second time");
        assertDamage(FrameType.CONNECT, 0, int32(1), "not from a guest");
        says(FrameType.CONNECTION_OUT_END, 0);
        assertDamage(FrameType.CONNECTION_OUT_END, 0, new byte[0], "for the second time");
        assertDamage(FrameType.CONNECTION_OUT, 0, bytes("x"), "without bytes, or after the last");
        connect(1);
        assertDamage(FrameType.CONNECTION_CLOSED, 1, new byte[0], "without a reason and before the last byte");
        assertThatThrownBy(() -> forwarder.handle(new Frame(FrameType.CONNECTION_OUT, new byte[3])))
                .isInstanceOf(DamagedStreamException.class)
                .hasMessage("a frame of type CONNECTION_OUT came of no connection that is open");
    }

    private void assertDamage(FrameType type, int connection, byte[] rest, String what) {
        assertThatThrownBy(() -> says(type, connection, rest))
                .isInstanceOf(DamagedStreamException.class)
                .hasMessage("a frame of type " + type + " came " + what);
    }

    /** Opens a connection to the forwarded port, and checks that the guest is told at once. */
    private Socket connect(int number) throws IOException {
        Socket client = client();
        assertTold(FrameType.CONNECT, number, int32(GUEST_PORT));
        return client;
    }

    private Socket client() throws IOException {
        Socket client = new Socket();
        clients.add(client);
        // Must be set before the connection: the kernel should buffer little for a program that does not read.
        client.setReceiveBufferSize(16384);
        client.connect(new InetSocketAddress(LOOPBACK, port));
        client.setSoTimeout(30_000);
        return client;
    }

    private void says(FrameType type, int connection, byte... rest) throws IOException {
        forwarder.handle(new Frame(
                type,
                ByteBuffer.allocate(4 + rest.length)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putInt(connection)
                        .put(rest)
                        .array()));
    }

    private void assertTold(FrameType type, int connection, byte... rest) throws IOException {
        Frame frame = told.next();
        assertThat(frame.type()).isEqualTo(type);
        assertThat(frame.int32(0)).isEqualTo(connection);
        assertThat(Arrays.copyOfRange(frame.payload(), 4, frame.payload().length))
                .isEqualTo(rest);
    }

    /** Returns this many bytes of this connection, from one frame or more, and checks that no other frames come. */
    private byte[] toldBytes(int connection, int count) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        while (bytes.size() < count) {
            Frame frame = told.next();
            assertThat(frame.type()).isEqualTo(FrameType.CONNECTION_IN);
            assertThat(frame.int32(0)).isEqualTo(connection);
            bytes.write(frame.payload(), 4, frame.payload().length - 4);
        }
        assertThat(bytes.size()).isEqualTo(count);
        return bytes.toByteArray();
    }

    private static CompletableFuture<Void> send(Socket client, byte[] bytes) {
        return CompletableFuture.runAsync(() -> {
            try {
                client.getOutputStream().write(bytes);
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        });
    }

    private static byte[] random(int count) {
        byte[] bytes = new byte[count];
        new Random(count).nextBytes(bytes);
        return bytes;
    }

    private static byte[] int32(int value) {
        return Frame.int32Payload(value);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static int freePort() {
        try (ServerSocket any = new ServerSocket(0, 1, LOOPBACK)) {
            return any.getLocalPort();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
