// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.SequenceInputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tests of how {@link GuestRun} handles frames from a guest, and a guest that takes no frames. */
@Timeout(60)
class GuestStreamTest {
    private final ByteArrayOutputStream stream = new ByteArrayOutputStream();
    private final FrameWriter guest = new FrameWriter(Channels.newChannel(stream));
    private final ByteArrayOutputStream stdout = new ByteArrayOutputStream();
    private final List<String> messages = Collections.synchronizedList(new ArrayList<>());

    private void says(FrameType type, byte[] payload) {
        try {
            guest.write(type, payload);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void says(FrameType type) {
        says(type, new byte[0]);
    }

    private void exits(int status, String trouble) {
        byte[] text = trouble.getBytes(StandardCharsets.UTF_8);
        says(
                FrameType.EXIT,
                ByteBuffer.allocate(8 + text.length)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putInt(status)
                        .putInt(0)
                        .put(text)
                        .array());
    }

    /** A guest whose stream has these bytes. */
    private class Recorded implements Guest {
        private final WritableByteChannel in;

        Recorded(OutputStream told) {
            in = Channels.newChannel(told);
        }

        @Override
        public InputStream fromGuest() {
            return new ByteArrayInputStream(stream.toByteArray());
        }

        @Override
        public WritableByteChannel toGuest() {
            return in;
        }

        @Override
        public boolean waitFor(Duration limit) {
            return true;
        }

        @Override
        public String messages() {
            return "it said nothing";
        }

        @Override
        public void kill() {}

        @Override
        public void close() {}
    }

    /** A stream whose reader is gone. */
    private static final class BrokenPipe extends OutputStream {
        @Override
        public void write(int value) throws IOException {
            throw new IOException("Broken pipe");
        }
    }

    private GuestRun.Outcome outcome(OutputStream told, OutputStream out) {
        return run(out).follow(new Recorded(told), Optional.empty());
    }

    private GuestRun run(OutputStream out) {
        return new GuestRun(
                null,
                Accelerator.TCG,
                VmSettings.of(Map.of()),
                PortForwarder.listen(List.of(), messages::add),
                messages::add,
                InputStream.nullInputStream(),
                out,
                OutputStream.nullOutputStream());
    }

    @Test
    void theStatusOfItsCommandIsTheOutcomeAndIsAcknowledged() throws Exception {
        says(FrameType.STARTED);
        says(FrameType.STDOUT, "hello".getBytes(StandardCharsets.UTF_8));
        exits(3, "a warning");
        AcknowledgedOutput told = new AcknowledgedOutput();
        assertThat(outcome(told, stdout)).isEqualTo(GuestRun.Outcome.exited(3, "a warning"));
        assertThat(stdout).hasToString("hello");
        assertThat(told.awaitAcknowledgement()).isTrue();
    }

    @Test
    void aGuestThatIsGoneBeforeItsEndWasAcknowledgedHasEndedAsItSaid() {
        says(FrameType.STARTED);
        exits(0, "");
        assertThat(outcome(new BrokenPipe(), stdout)).isEqualTo(GuestRun.Outcome.exited(0, ""));
    }

    @Test
    void aGuestThatIsGoneIsNotLostWhileNobodyTakesItsOutput() {
        says(FrameType.STARTED);
        says(FrameType.STDOUT, new byte[10]);
        exits(13, "");
        assertThat(outcome(new BrokenPipe(), new BrokenPipe())).isEqualTo(GuestRun.Outcome.exited(13, ""));
    }

    @Test
    void aGuestThatIsGoneWithoutSayingHowItsCommandEndedIsLost() {
        says(FrameType.STARTED);
        GuestRun.Outcome outcome = outcome(new BrokenPipe(), stdout);
        assertThat(outcome.problemStatus()).isEqualTo(ExitStatus.GUEST_LOST);
        assertThat(outcome.problem())
                .isEqualTo("the guest ended without saying how the command ended; it said nothing");
    }

    @Test
    void aConnectionThatNobodyOpenedIsDamage() {
        says(FrameType.STARTED);
        says(FrameType.CONNECTION_OUT, new byte[] {0, 0, 0, 0, 'x'});
        GuestRun.Outcome outcome = outcome(OutputStream.nullOutputStream(), stdout);
        assertThat(outcome.problemStatus()).isEqualTo(ExitStatus.DAMAGED_STREAM);
        assertThat(outcome.problem()).endsWith("a frame of type CONNECTION_OUT came of no connection that is open");
    }

    @Test
    void aGuestThatTakesNoInputIsKilledAllTheSame() throws Exception {
        says(FrameType.STARTED);
        CountDownLatch started = new CountDownLatch(1);
        CountDownLatch closed = new CountDownLatch(1);
        Guest hung =
                new Recorded(new OutputStream() {
                    @Override
                    public void write(int value) {
                        awaitQuietly(closed);
                    }
                }) {
                    @Override
                    public InputStream fromGuest() {
                        InputStream end = new InputStream() {
                            @Override
                            public int read() {
                                started.countDown();
                                awaitQuietly(closed);
                                return -1;
                            }

                            @Override
                            public int read(byte[] bytes, int offset, int length) {
                                return read();
                            }
                        };
                        return new SequenceInputStream(super.fromGuest(), end);
                    }

                    @Override
                    public void close() {
                        closed.countDown();
                    }
                };
        GuestRun run = run(stdout);
        Thread stop = new Thread(run::stop);
        FutureTask<GuestRun.Outcome> outcome = new FutureTask<>(() -> run.follow(hung, Optional.empty()));
        new Thread(outcome).start();
        assertThat(started.await(30, TimeUnit.SECONDS))
                .as("the guest has started")
                .isTrue();
        stop.start();
        stop.join(TimeUnit.SECONDS.toMillis(30));
        assertThat(stop.isAlive()).as("still being stopped").isFalse();
        assertThat(outcome.get(30, TimeUnit.SECONDS).problemStatus()).isEqualTo(ExitStatus.GUEST_LOST);
        assertThat(messages).contains("the command did not end within 10 s of SIGTERM, killing its guest");
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await(50, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Waits for the frame that acknowledges the end, which may come after the outcome is known. */
    private static final class AcknowledgedOutput extends OutputStream {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        @Override
        public synchronized void write(int value) {
            bytes.write(value);
            notifyAll();
        }

        synchronized boolean awaitAcknowledgement() throws Exception {
            long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
            while (System.nanoTime() < deadline) {
                if (hasAcknowledgement()) {
                    return true;
                }
                wait(1000);
            }
            return false;
        }

        private boolean hasAcknowledgement() {
            FrameReader frames = new FrameReader(new ByteArrayInputStream(bytes.toByteArray()));
            try {
                for (Frame frame = frames.next(); frame != null; frame = frames.next()) {
                    if (frame.type() == FrameType.ACK) {
                        return true;
                    }
                }
            } catch (IOException e) {
                // The second half of the frame is missing.
            }
            return false;
        }
    }
}
