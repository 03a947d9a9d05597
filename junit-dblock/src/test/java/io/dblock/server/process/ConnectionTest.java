// SPDX-License-Identifier: Apache-2.0
package io.dblock.server.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.dblock.DblockException;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestInfo;
import io.dblock.journal.JournalEntry;
import io.dblock.kernel.ControlException;
import io.dblock.kernel.Errno;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Both ends of a connection in one JVM. */
@Timeout(120)
class ConnectionTest {
    private static final Duration LONG = Duration.ofSeconds(60);

    private final PipedInputStream toServer = new PipedInputStream(1 << 16);
    private final PipedInputStream toTest = new PipedInputStream(1 << 16);
    private final PipedOutputStream fromTest = new PipedOutputStream();
    private final PipedOutputStream fromServer = new PipedOutputStream();
    private final Connection test;
    private final Connection server;
    private final CountDownLatch never = new CountDownLatch(1);

    /** What the tests call. */
    interface Calls {
        List<String> echo(List<String> texts);

        int number(String text) throws IOException;

        void fail(String kind) throws IOException;

        void block() throws InterruptedException;

        void blockForGood();

        boolean ask(long predicate, long offset);
    }

    private static final class Indescribable extends RuntimeException {
        private static final long serialVersionUID = 1L;

        @Override
        public String getMessage() {
            throw new IllegalStateException("no message");
        }
    }

    private final class Answers implements Calls {
        private final TestCommands back;
        private final AtomicBoolean interrupted = new AtomicBoolean();
        private final CountDownLatch blocked = new CountDownLatch(1);

        Answers(TestCommands back) {
            this.back = back;
        }

        @Override
        public List<String> echo(List<String> texts) {
            return texts;
        }

        @Override
        public int number(String text) {
            return Integer.parseInt(text);
        }

        @Override
        public void fail(String kind) throws IOException {
            switch (kind) {
                case "control" -> throw new ControlException("busy", Errno.EBUSY.number());
                case "io" -> throw new IOException("no room");
                case "block" -> throw new BlockIOException(Errno.EILSEQ, "bad");
                case "argument" -> throw new IllegalArgumentException("wrong");
                case "indescribable" -> throw new Indescribable();
                case "assertion" -> throw new AssertionError("not so");
                default -> throw new ArithmeticException("by zero");
            }
        }

        @Override
        public void block() throws InterruptedException {
            blocked.countDown();
            try {
                never.await();
            } catch (InterruptedException e) {
                interrupted.set(true);
                throw e;
            }
        }

        @Override
        public void blockForGood() {
            blocked.countDown();
            try {
                never.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        public boolean ask(long predicate, long offset) {
            return back.test(predicate, new RequestInfo(Operation.READ, offset, 512, Set.of(), 0));
        }
    }

    private final Answers answers;
    private final TestSide side = new TestSide();

    ConnectionTest() throws IOException {
        fromTest.connect(toServer);
        fromServer.connect(toTest);
        test = new Connection(toTest, fromTest, TestCommands.class, "The server", () -> "It is somewhere.");
        server = new Connection(toServer, fromServer, Calls.class, "The test", () -> "");
        answers = new Answers(server.remote(TestCommands.class, LONG));
        test.start(side);
        server.start(answers);
    }

    @AfterEach
    void end() {
        never.countDown();
        test.close();
        server.close();
    }

    private Calls calls() {
        return test.remote(Calls.class, LONG);
    }

    @Test
    void aCallHasItsArgumentsAndItsResult() throws IOException {
        assertThat(calls().echo(List.of("a", "", "ß"))).containsExactly("a", "", "ß");
        assertThat(calls().number("42")).isEqualTo(42);
    }

    @Test
    void manyThreadsGetTheirOwnAnswers() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try {
            List<Future<Integer>> results = new ArrayList<>();
            for (int i = 0; i < 500; i++) {
                String text = Integer.toString(i);
                results.add(threads.submit(() -> calls().number(text)));
            }
            for (int i = 0; i < results.size(); i++) {
                assertThat(results.get(i).get(60, TimeUnit.SECONDS)).isEqualTo(i);
            }
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void aMegabyteFits() {
        String text = "x".repeat(3 << 20);
        assertThat(calls().echo(List.of(text))).containsExactly(text);
    }

    @Test
    void exceptionsArriveAsWhatTheyWere() {
        assertThatThrownBy(() -> calls().fail("control"))
                .isInstanceOfSatisfying(ControlException.class, e -> assertThat(e.is(Errno.EBUSY))
                        .isTrue())
                .hasMessage("busy");
        assertThatThrownBy(() -> calls().fail("io"))
                .isExactlyInstanceOf(IOException.class)
                .hasMessage("no room");
        assertThatThrownBy(() -> calls().fail("block"))
                .isInstanceOfSatisfying(
                        BlockIOException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EILSEQ));
        assertThatThrownBy(() -> calls().fail("argument"))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessage("wrong");
        assertThatThrownBy(() -> calls().fail("assertion"))
                .isExactlyInstanceOf(AssertionError.class)
                .hasMessage("not so");
    }

    @Test
    void anUnexpectedExceptionIsNamedWithItsPlace() {
        assertThatThrownBy(() -> calls().fail("other"))
                .isExactlyInstanceOf(DblockException.class)
                .hasMessageContaining("The server failed in fail(): java.lang.ArithmeticException: by zero")
                .hasStackTraceContaining("ConnectionTest$Answers.fail");
    }

    @Test
    void theOtherSideCanAskBackMeanwhile() {
        long predicate = side.add(request -> request.offset() == 512);
        assertThat(calls().ask(predicate, 512)).isTrue();
        assertThat(calls().ask(predicate, 0)).isFalse();
    }

    @Test
    void whatThisSideHasThrownComesBackAsTheSameObject() {
        ArithmeticException thrown = new ArithmeticException("mine");
        long predicate = side.add(request -> {
            throw thrown;
        });
        assertThatThrownBy(() -> calls().ask(predicate, 0)).cause().isSameAs(thrown);
    }

    @Test
    void aCallThatIsNotAnsweredEndsAndSaysSo() {
        Calls impatient = test.remote(Calls.class, Duration.ofMillis(100));
        assertThatThrownBy(impatient::blockForGood)
                .isInstanceOf(DblockException.class)
                .hasMessage("The server has not answered blockForGood() within 100 ms. It is somewhere.");
        assertThat(calls().echo(List.of("still there"))).containsExactly("still there");
    }

    @Test
    void whoHasNotAnsweredIsNotWaitedForAsLongAgain() throws Exception {
        PipedInputStream toNobody = new PipedInputStream(1 << 16);
        PipedInputStream fromNobody = new PipedInputStream(1 << 16);
        new PipedOutputStream(fromNobody);
        try (Connection lonely = new Connection(
                fromNobody, new PipedOutputStream(toNobody), TestCommands.class, "Nobody", () -> "It is T.")) {
            lonely.start(side);
            Calls patient = lonely.remote(Calls.class, Duration.ofMillis(200));
            Calls morePatient = lonely.remote(Calls.class, Duration.ofHours(1));
            assertThatThrownBy(() -> patient.echo(List.of())).hasMessageContaining("within 200 ms. It is T.");
            assertThatThrownBy(() -> morePatient.echo(List.of())).hasMessageContaining("within 1000 ms. It is T.");
        }
    }

    @Test
    void aCancelThatComesBeforeTheCallHasBegunReachesIt() throws Exception {
        PipedOutputStream toThird = new PipedOutputStream();
        PipedInputStream fromThird = new PipedInputStream(1 << 16);
        try (Connection third = new Connection(
                new PipedInputStream(toThird, 1 << 16),
                new PipedOutputStream(fromThird),
                Calls.class,
                "The test",
                () -> "")) {
            third.start(answers);
            DataOutputStream frames = new DataOutputStream(new BufferedOutputStream(toThird));
            int calls = 100;
            for (int number = 1; number <= calls; number++) {
                frames.writeInt(11);
                frames.writeByte(1);
                frames.writeLong(number);
                // block() is the second by name.
                frames.writeShort(1);
                frames.writeInt(9);
                frames.writeByte(4);
                frames.writeLong(number);
            }
            frames.flush();
            DataInputStream answers = new DataInputStream(fromThird);
            for (int i = 0; i < calls; i++) {
                int length = answers.readInt();
                assertThat(answers.readByte()).as("it is thrown").isEqualTo((byte) 3);
                answers.skipNBytes(length - 1);
            }
        }
    }

    @Test
    void aFailureThatCannotBeDescribedIsAFailure() {
        assertThatThrownBy(() -> calls().fail("indescribable"))
                .isExactlyInstanceOf(DblockException.class)
                .hasMessageContaining("ConnectionTest$Indescribable")
                .hasMessageContaining("IllegalStateException");
    }

    @Test
    void anInterruptOfACallReachesTheOtherSide() throws Exception {
        CompletableFuture<Throwable> seen = new CompletableFuture<>();
        Thread caller = new Thread(() -> seen.complete(catchThrowable(() -> calls().block())));
        caller.start();
        assertThat(answers.blocked.await(60, TimeUnit.SECONDS)).isTrue();
        caller.interrupt();
        assertThat(seen.get(60, TimeUnit.SECONDS)).isInstanceOf(InterruptedException.class);
        long deadline = System.nanoTime() + LONG.toNanos();
        while (!answers.interrupted.get() && System.nanoTime() < deadline) {
            Thread.onSpinWait();
        }
        assertThat(answers.interrupted).isTrue();
    }

    @Test
    void anInterruptedThreadCanStillCallWhatCannotBeInterrupted() {
        Thread.currentThread().interrupt();
        try {
            assertThat(calls().echo(List.of("a"))).containsExactly("a");
        } finally {
            assertThat(Thread.interrupted()).isTrue();
        }
    }

    @Test
    void theEndOfTheOtherSideEndsCallsThatWait() throws Exception {
        CompletableFuture<Throwable> seen = new CompletableFuture<>();
        CountDownLatch ended = new CountDownLatch(1);
        test.atEnd(ended::countDown);
        new Thread(() -> seen.complete(catchThrowable(() -> calls().blockForGood()))).start();
        assertThat(answers.blocked.await(60, TimeUnit.SECONDS)).isTrue();
        server.close();
        assertThat(seen.get(60, TimeUnit.SECONDS))
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("The server is gone, so blockForGood() is not possible");
        assertThat(ended.await(60, TimeUnit.SECONDS)).isTrue();
        assertThat(test.isOpen()).isFalse();
        assertThatThrownBy(() -> calls().echo(List.of())).hasMessageContaining("The server is gone");
    }

    @Test
    void listenersGetEntriesInOrderAndTheirEnd() throws Exception {
        List<JournalEntry> got = new ArrayList<>();
        CountDownLatch ended = new CountDownLatch(1);
        long number = side.add(new io.dblock.journal.Recorder.Listener() {
            @Override
            public void entry(JournalEntry entry) {
                got.add(entry);
            }

            @Override
            public void end() {
                ended.countDown();
            }
        });
        Subscription subscription = new Subscription(number, server.remote(TestCommands.class, LONG));
        List<JournalEntry> sent = new ArrayList<>();
        for (int i = 1; i <= 5000; i++) {
            sent.add(new io.dblock.journal.MarkEntry(i, i, 0, "m"));
        }
        sent.forEach(subscription::entry);
        subscription.finish();
        assertThat(ended.await(60, TimeUnit.SECONDS)).isTrue();
        assertThat(got).isEqualTo(sent);
    }

    @Test
    void aDamagedStreamEndsTheConnection() throws Exception {
        CountDownLatch ended = new CountDownLatch(1);
        test.atEnd(ended::countDown);
        // A frame of 2 GiB.
        fromServer.write(new byte[] {0x7f, 0, 0, 0});
        fromServer.flush();
        assertThat(ended.await(60, TimeUnit.SECONDS)).isTrue();
        assertThatThrownBy(() -> calls().echo(List.of())).hasMessageContaining("a frame of 2130706432 bytes came");
    }
}
