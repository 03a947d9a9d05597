// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a wait for many sessions promises: by the fake, and by epoll(7) itself with eventfds in place of sessions. */
@Timeout(60)
class ReadinessTest {
    private static final int LONG = 20_000;

    private enum Kind {
        FAKE,
        LINUX
    }

    /** Sessions that become ready when told so. */
    private interface Machine extends AutoCloseable {
        Linux linux();

        void makeReady(ControlSession session);

        @Override
        void close();
    }

    private static Machine machine(Kind kind) {
        return kind == Kind.FAKE ? new FakeMachine() : new LinuxMachine();
    }

    private static final class FakeMachine implements Machine {
        private final FakeKernel kernel = new FakeKernel();

        @Override
        public Linux linux() {
            return kernel;
        }

        @Override
        public void makeReady(ControlSession session) {
            String name = session.create(ControlSessionTest.parameters("")).name();
            CompletableFuture<?> unused = kernel.submit(name, Batch.OP_READ, 0, 0, 512, null, 0);
        }

        @Override
        public void close() {
            assertThat(kernel.openWaits()).isZero();
        }
    }

    /** Every file it opens is an eventfd. */
    private static final class LinuxMachine implements Machine, Linux {
        @Override
        public Linux linux() {
            return this;
        }

        @Override
        public void makeReady(ControlSession session) {
            assertThat(signal(session.fd())).isNotNegative();
        }

        @Override
        public int open(String path, int flags) {
            return eventfd();
        }

        @Override
        public int close(int fd) {
            return Libc.INSTANCE.close(fd);
        }

        @Override
        public int ioctl(int fd, long request, long argument) {
            throw new AssertionError("an eventfd has no calls");
        }

        @Override
        public ServeReader serveReader(int fd) {
            return null;
        }

        @Override
        public int epollCreate() {
            return Libc.INSTANCE.epollCreate();
        }

        @Override
        public int epollControl(int epoll, int operation, int fd, long event) {
            return Libc.INSTANCE.epollControl(epoll, operation, fd, event);
        }

        @Override
        public int epollWait(int epoll, long events, int capacity, int timeoutMillis) {
            return Libc.INSTANCE.epollWait(epoll, events, capacity, timeoutMillis);
        }

        @Override
        public int eventfd() {
            return Libc.INSTANCE.eventfd();
        }

        @Override
        public int signal(int eventfd) {
            return Libc.INSTANCE.signal(eventfd);
        }

        @Override
        public int finitModule(int fd) {
            throw new AssertionError("not a matter of this test");
        }

        @Override
        public int deleteModule(String name, int flags) {
            throw new AssertionError("not a matter of this test");
        }

        @Override
        public void close() {}
    }

    @ParameterizedTest
    @EnumSource
    void aSessionIsToldOfOnceUntilItIsRearmed(Kind kind) {
        try (Machine machine = machine(kind);
                ControlSession session = ControlSession.open(machine.linux());
                Readiness readiness = Readiness.open(machine.linux())) {
            long token = 0x1234_5678_9abc_def0L;
            assertThat(readiness.add(session, token)).isTrue();
            assertThat(readiness.await(0)).isZero();
            machine.makeReady(session);
            assertThat(readiness.await(LONG)).isEqualTo(1);
            assertThat(readiness.token(0)).isEqualTo(token);
            machine.makeReady(session);
            assertThat(readiness.await(0)).as("not rearmed").isZero();
            readiness.rearm(session, 7);
            assertThat(readiness.await(LONG)).as("still ready").isEqualTo(1);
            assertThat(readiness.token(0)).isEqualTo(7);
        }
    }

    @ParameterizedTest
    @EnumSource
    void rearmingASessionThatIsNotReadyTellsNothing(Kind kind) {
        try (Machine machine = machine(kind);
                ControlSession session = ControlSession.open(machine.linux());
                Readiness readiness = Readiness.open(machine.linux())) {
            readiness.add(session, 1);
            readiness.rearm(session, 2);
            assertThat(readiness.await(0)).isZero();
            machine.makeReady(session);
            assertThat(readiness.await(LONG)).isEqualTo(1);
            assertThat(readiness.token(0)).isEqualTo(2);
            assertThatThrownBy(() -> readiness.token(1)).isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @ParameterizedTest
    @EnumSource
    void oneThatWasRemovedIsNotToldOfAndMayComeBack(Kind kind) {
        try (Machine machine = machine(kind);
                ControlSession session = ControlSession.open(machine.linux());
                Readiness readiness = Readiness.open(machine.linux())) {
            readiness.add(session, 1);
            readiness.remove(session);
            machine.makeReady(session);
            assertThat(readiness.await(0)).isZero();
            assertThatThrownBy(() -> readiness.rearm(session, 1))
                    .isInstanceOf(ControlException.class)
                    .hasMessageContaining("ENOENT");
            readiness.add(session, 2);
            assertThat(readiness.await(LONG)).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @EnumSource
    void awakingEndsTheWaitUnderWayOrTheNextOneAndIsNoSession(Kind kind) throws Exception {
        try (Machine machine = machine(kind);
                ControlSession session = ControlSession.open(machine.linux());
                Readiness readiness = Readiness.open(machine.linux())) {
            readiness.add(session, 1);
            readiness.wake();
            readiness.wake();
            assertThat(readiness.await(-1)).isZero();
            CompletableFuture<Integer> waiting = CompletableFuture.supplyAsync(() -> readiness.await(-1));
            readiness.wake();
            assertThat(waiting.get(20, TimeUnit.SECONDS)).isZero();
        }
    }

    @ParameterizedTest
    @EnumSource
    void aSessionThatBecomesReadyEndsTheWaitUnderWay(Kind kind) throws Exception {
        try (Machine machine = machine(kind);
                ControlSession session = ControlSession.open(machine.linux());
                Readiness readiness = Readiness.open(machine.linux())) {
            CompletableFuture<Integer> waiting = CompletableFuture.supplyAsync(() -> readiness.await(-1));
            readiness.add(session, 3);
            machine.makeReady(session);
            assertThat(waiting.get(20, TimeUnit.SECONDS)).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @EnumSource
    void noneOfManyIsForgotten(Kind kind) {
        try (Machine machine = machine(kind);
                Readiness readiness = Readiness.open(machine.linux())) {
            List<ControlSession> sessions = new ArrayList<>();
            for (int i = 0; i < 300; i++) {
                sessions.add(ControlSession.open(machine.linux()));
                readiness.add(sessions.get(i), i);
                machine.makeReady(sessions.get(i));
            }
            readiness.wake();
            Set<Long> told = new HashSet<>();
            while (told.size() < 300) {
                int count = readiness.await(LONG);
                for (int i = 0; i < count; i++) {
                    assertThat(told.add(readiness.token(i))).as("told once").isTrue();
                }
            }
            assertThat(readiness.await(0)).isZero();
            sessions.forEach(ControlSession::close);
        }
    }

    @Test
    void aModuleThatCannotBePolledIsFoundOut() {
        FakeKernel kernel = new FakeKernel().withoutPoll();
        try (ControlSession session = kernel.session();
                Readiness readiness = Readiness.open(session)) {
            assertThat(readiness.add(session, 1)).isFalse();
        }
    }

    @Test
    void aClosedOneIsNoLongerUsed() {
        FakeKernel kernel = new FakeKernel();
        try (ControlSession session = kernel.session()) {
            Readiness readiness = Readiness.open(session);
            readiness.close();
            readiness.close();
            readiness.wake();
            assertThatThrownBy(() -> readiness.add(session, 1)).isInstanceOf(IllegalStateException.class);
            assertThat(kernel.openWaits()).isZero();
        }
    }
}
