// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import static io.dblock.internal.remote.Peer.Liveness.BUSY;
import static io.dblock.internal.remote.Peer.Liveness.GONE;
import static io.dblock.internal.remote.Peer.Liveness.IDLE;
import static io.dblock.internal.remote.Peer.Liveness.STOPPED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.dblock.DblockException;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.kernel.Command;
import io.dblock.internal.kernel.ControlException;
import io.dblock.journal.JournalEntry;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.UncheckedIOException;
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
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tests with both ends of a connection in one JVM. */
@Timeout(120)
class ConnectionTest {
    private static final Duration LONG = Duration.ofSeconds(60);

    private final PipedInputStream toServer = new PipedInputStream(1 << 16);
    private final PipedInputStream toTest = new PipedInputStream(1 << 16);
    private final PipedOutputStream fromTest = new PipedOutputStream();
    private final PipedOutputStream fromServer = new PipedOutputStream();
    private final FakePeer peer = new FakePeer("The server");
    /** While this is closed, the server is as if stopped: no frame reaches it. */
    private final Gate gate = new Gate(toServer);

    private final Connection test;
    private final Connection server;
    private final CountDownLatch never = new CountDownLatch(1);

    /** The interface that the tests call. */
    interface Calls {
        List<String> echo(List<String> texts);

        int number(String text) throws IOException;

        void fail(String kind) throws IOException;

        void block() throws InterruptedException;

        void blockForGood();

        void blockFor(Duration most);

        boolean ask(Predicate<RequestInfo> predicate, long offset);
    }

    private static final class Indescribable extends RuntimeException {
        private static final long serialVersionUID = 1L;

        @Override
        public String getMessage() {
            throw new IllegalStateException("no message");
        }
    }

    private void stopServer() {
        gate.close(true);
        peer.becomes(STOPPED);
    }

    private void continueServer() {
        peer.becomes(IDLE);
        gate.close(false);
    }

    private final class Answers implements Calls {
        private final AtomicBoolean interrupted = new AtomicBoolean();
        private final CountDownLatch blocked = new CountDownLatch(1);

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
        public void blockFor(Duration most) {
            blockForGood();
        }

        @Override
        public boolean ask(Predicate<RequestInfo> predicate, long offset) {
            return predicate.test(new RequestInfo(Operation.READ, offset, 512, Set.of(), 0));
        }
    }

    private final Answers answers;
    private final TestCommandHandler side = new TestCommandHandler();

    ConnectionTest() throws IOException {
        fromTest.connect(toServer);
        fromServer.connect(toTest);
        test = new Connection(toTest, fromTest, TestCommands.class, peer);
        server = new Connection(gate, fromServer, Calls.class, new FakePeer("The test"));
        answers = new Answers();
        test.start(side);
        server.start(answers);
    }

    @AfterEach
    void end() {
        never.countDown();
        gate.close(false);
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
        Predicate<RequestInfo> predicate = request -> request.offset() == 512;
        assertThat(calls().ask(predicate, 512)).isTrue();
        assertThat(calls().ask(predicate, 0)).isFalse();
    }

    @Test
    void whatThisSideHasThrownComesBackAsTheSameObject() {
        ArithmeticException thrown = new ArithmeticException("mine");
        Predicate<RequestInfo> predicate = request -> {
            throw thrown;
        };
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
    void afterACallThatWasNotAnsweredTheNextDoNotWaitAsLong() throws IOException {
        Calls impatient = test.remote(Calls.class, Duration.ofMillis(200));
        Calls patient = test.remote(Calls.class, Command.timeout());
        assertThatThrownBy(impatient::blockForGood).hasMessageContaining("within 200 ms");
        assertThat(test.answers()).isFalse();
        assertThatThrownBy(patient::blockForGood).hasMessageContaining("within 5000 ms");
        assertThat(calls().number("1")).isEqualTo(1);
        assertThat(test.answers()).isTrue();
    }

    @Test
    void aCallThatMayTakeLongHasItsTimeAfterOneThatWasNotAnswered() throws Exception {
        assertThatThrownBy(test.remote(Calls.class, Duration.ofMillis(200))::blockForGood)
                .hasMessageContaining("within 200 ms");
        int before = peer.looks();
        Calls patient = test.remote(Calls.class, Duration.ofHours(1));
        CompletableFuture<Void> call = CompletableFuture.runAsync(patient::blockForGood);
        // More checks than the short limit allows.
        await("looks at the server", () -> call.isDone() || peer.looks() - before > 10);
        assertThat(call).isNotDone();
        never.countDown();
        call.get(60, TimeUnit.SECONDS);
    }

    @Test
    void aCallThatIsToWaitHasItsTimeBesides() throws Exception {
        Calls impatient = test.remote(Calls.class, Duration.ofMillis(200));
        int before = peer.looks();
        CompletableFuture<Void> call = CompletableFuture.runAsync(() -> impatient.blockFor(Duration.ofHours(1)));
        // More checks than the limit allows.
        await("looks at the server", () -> call.isDone() || peer.looks() - before > 3);
        assertThat(call).isNotDone();
        never.countDown();
        call.get(60, TimeUnit.SECONDS);
    }

    @Test
    void aStoppedServerFailsTheFirstCallSoonAndTheOthersAtOnce() throws IOException {
        stopServer();
        Calls patient = test.remote(Calls.class, Duration.ofHours(1));
        assertThatThrownBy(() -> patient.number("1"))
                .isExactlyInstanceOf(DblockException.class)
                .hasMessage("The server does not answer, so number() is not possible. It is somewhere.");
        assertThat(peer.looks()).as("looks of the first").isGreaterThan(1);
        assertThat(test.answers()).isFalse();
        assertThat(test.isOpen()).isTrue();
        int before = peer.looks();
        for (int i = 0; i < 1000; i++) {
            assertThatThrownBy(() -> patient.number("1")).hasMessageContaining("does not answer");
        }
        assertThat(peer.looks() - before).as("looks of a thousand more").isEqualTo(1000);
    }

    @Test
    void aServerThatIsContinuedAnswersAgain() throws IOException {
        stopServer();
        assertThatThrownBy(() -> calls().number("1")).hasMessageContaining("does not answer");
        continueServer();
        assertThat(calls().number("2")).isEqualTo(2);
        assertThat(test.answers()).isTrue();
    }

    @Test
    void aMomentaryStopFailsNothing() throws Exception {
        stopServer();
        CompletableFuture<Integer> answer = CompletableFuture.supplyAsync(() -> {
            try {
                return calls().number("1");
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        await("a look at the server", () -> peer.looks() > 0);
        continueServer();
        assertThat(answer.get(60, TimeUnit.SECONDS)).isEqualTo(1);
    }

    @Test
    void anIdleServerThatSaysNothingIsSilentUntilItSaysSomething() throws IOException {
        peer.isWaitedForAtMost(Duration.ofSeconds(1));
        Calls patient = test.remote(Calls.class, Duration.ofHours(1));
        assertThat(patient.number("1")).isEqualTo(1);
        gate.close(true);
        for (int i = 0; i < 3; i++) {
            assertThatThrownBy(() -> patient.number("1")).hasMessageContaining("does not answer");
        }
        gate.close(false);
        await("the server to be heard of", test::answers);
        assertThat(patient.number("2")).isEqualTo(2);
    }

    @Test
    void aBusyServerThatSaysNothingIsSlow() throws Exception {
        peer.isWaitedForAtMost(Duration.ofSeconds(1));
        peer.becomes(BUSY);
        assertThat(calls().number("1")).isEqualTo(1);
        isWaitedFor();
    }

    @Test
    void aServerThatHasNotSaidAnythingYetIsWaitedFor() throws Exception {
        peer.isWaitedForAtMost(Duration.ofSeconds(1));
        isWaitedFor();
    }

    /** Waits longer than the patience with an idle process. */
    private void isWaitedFor() throws Exception {
        gate.close(true);
        CompletableFuture<Throwable> failure =
                CompletableFuture.supplyAsync(() -> catchThrowable(() -> calls().number("2")));
        await("looks at the server", () -> failure.isDone() || peer.looks() > 8);
        assertThat(failure).isNotDone();
        gate.close(false);
        assertThat(failure.get(60, TimeUnit.SECONDS)).isNull();
    }

    @Test
    void aServerThatTakesLongForACallIsNotSilent() throws Exception {
        peer.isWaitedForAtMost(Duration.ofSeconds(1));
        CompletableFuture<Void> call = CompletableFuture.runAsync(() -> calls().blockForGood());
        // A sign of life came after each check but the first.
        await("looks at the server", () -> peer.looks() >= 4);
        assertThat(call).isNotDone();
        assertThat(test.answers()).isTrue();
        never.countDown();
        call.get(60, TimeUnit.SECONDS);
    }

    @Test
    void aDeadServerWhoseFilesAreStillOpenEndsTheConnection() {
        gate.close(true);
        peer.becomes(GONE);
        assertThatThrownBy(() -> calls().number("1"))
                .hasMessage("The server is gone, so number() is not possible: it is dead. It is somewhere.");
        assertThat(test.isOpen()).isFalse();
    }

    @Test
    void closingDoesNotWaitForAServerThatTakesNothing() throws Exception {
        stopServer();
        String large = "x".repeat(1 << 20);
        assertThatThrownBy(() -> calls().echo(List.of(large))).hasMessageContaining("does not answer");
        CompletableFuture<Void> closing = CompletableFuture.runAsync(test::close);
        closing.get(60, TimeUnit.SECONDS);
    }

    @Test
    void aCancelThatComesBeforeTheCallHasBegunReachesIt() throws Exception {
        PipedOutputStream toThird = new PipedOutputStream();
        PipedInputStream fromThird = new PipedInputStream(1 << 16);
        try (Connection third = new Connection(
                new PipedInputStream(toThird, 1 << 16),
                new PipedOutputStream(fromThird),
                Calls.class,
                new FakePeer("The test"))) {
            third.start(answers);
            DataOutputStream frames = new DataOutputStream(new BufferedOutputStream(toThird));
            int calls = 100;
            for (int number = 1; number <= calls; number++) {
                frames.writeInt(19);
                frames.writeByte(1);
                frames.writeLong(number);
                frames.writeLong(0);
                // block() is the second method by name.
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

    private static void await(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + LONG.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("time to wait for " + what).isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    @Test
    void anInterruptOfACallReachesTheOtherSide() throws Exception {
        CompletableFuture<Throwable> seen = new CompletableFuture<>();
        Thread caller = new Thread(() -> seen.complete(catchThrowable(() -> calls().block())));
        caller.start();
        assertThat(answers.blocked.await(60, TimeUnit.SECONDS)).isTrue();
        caller.interrupt();
        assertThat(seen.get(60, TimeUnit.SECONDS)).isInstanceOf(InterruptedException.class);
        await("the call to be interrupted", answers.interrupted::get);
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
