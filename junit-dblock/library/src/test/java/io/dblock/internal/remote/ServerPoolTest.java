// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.DblockException;
import io.dblock.internal.kernel.Command;
import io.dblock.internal.module.JvmOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tests with real server processes, but in this process's mount namespace, which needs no privilege, and without devices. */
@Timeout(300)
class ServerPoolTest {
    private final List<ServerProcess> started = new ArrayList<>();
    private final ServerPool pool = new ServerPool(this::start);

    private ServerProcess start() {
        ServerProcess server = ServerProcess.start(ServerProcess.jvm());
        started.add(server);
        return server;
    }

    @AfterEach
    void noneIsLeft() throws Exception {
        pool.stop();
        for (ServerProcess server : started) {
            awaitEnd(server);
        }
    }

    private static void signal(ServerProcess server, String name) {
        assertThat(Command.run(List.of("kill", "-" + name, Long.toString(server.processId())))
                        .exit())
                .isZero();
    }

    private static void stop(ServerProcess server) {
        signal(server, "STOP");
        // Each thread stops only when it gets the signal.
        while (server.state().liveness() != Peer.Liveness.STOPPED) {
            Thread.onSpinWait();
        }
    }

    private static void awaitEnd(ServerProcess server) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (server.isAlive()) {
            assertThat(System.nanoTime()).as("it ends within 60 s").isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    @Test
    void oneServesUntilItIsStoppedAndThenEndsByItself() {
        ServerProcess server = pool.instance();
        assertThat(pool.instance()).isSameAs(server);
        assertThat(pool.pid()).contains(server.processId());
        assertThat(server.server().commands().hello()).isEqualTo(server.processId());
        pool.stop();
        assertThat(server.isAlive()).isFalse();
        assertThat(server.state().describe()).contains("It has ended with status 0.");
        assertThat(pool.pid()).isEmpty();
        assertThatThrownBy(() -> server.server().commands().hello()).hasMessageContaining("is gone");
    }

    @Test
    void itsJvmStartsFast() throws Exception {
        Path commandLine = Path.of("/proc/" + pool.instance().processId() + "/cmdline");
        assertThat(JvmOptions.fastStart(
                        Runtime.version().feature(), Runtime.getRuntime().availableProcessors()))
                .isSubsetOf(Files.readString(commandLine).split("\0"));
    }

    @Test
    void itEndsWithoutTheJvmsOwnEndWhichWaitsForThreadsThatWaitForRequests() throws Exception {
        Path log = Files.createTempFile("server", ".log");
        try {
            List<String> command = new ArrayList<>(ServerProcess.jvm());
            // The JVM writes to this file only when it exits by itself.
            command.add(1, "-Xlog:gc+heap+exit:file=" + log);
            ServerProcess server = ServerProcess.start(command);
            started.add(server);
            server.end();
            assertThat(server.state().describe()).contains("It has ended with status 0.");
            assertThat(log).isEmptyFile();
        } finally {
            Files.delete(log);
        }
    }

    @Test
    void oneThatWasKilledFailsEveryCallAndIsReplaced() throws Exception {
        ServerProcess server = pool.instance();
        signal(server, "KILL");
        awaitEnd(server);
        for (int i = 0; i < 3; i++) {
            assertThatThrownBy(() -> server.server().commands().stacks())
                    .isExactlyInstanceOf(DblockException.class)
                    .hasMessageContaining(
                            "The server process (pid " + server.processId() + ") is gone, so stacks() is not possible")
                    .hasMessageContaining("killed by signal 9");
        }
        assertThat(pool.pid()).isEmpty();
        assertThat(pool.instance().processId()).isNotEqualTo(server.processId());
    }

    /** Calls a server process; kills the first ones before, because a process may die after it was chosen. */
    private String makeAndKill(List<RemoteServer> tried, RemoteServer server, int kills) {
        tried.add(server);
        if (tried.size() <= kills) {
            ProcessHandle.of(server.pid()).orElseThrow().destroyForcibly();
        }
        return String.join("\n", server.commands(Duration.ofSeconds(60)).stacks());
    }

    @Test
    void whatOneThatDiesHasNotMadeIsMadeOnANewOne() {
        List<RemoteServer> tried = new ArrayList<>();
        assertThat(pool.<String>make(server -> makeAndKill(tried, server, 1))).isNotEmpty();
        assertThat(tried).hasSize(2).doesNotHaveDuplicates();
        assertThat(pool.instance().server()).isSameAs(tried.get(1));
    }

    @Test
    void whatKillsTwoIsNotTriedWithAThird() {
        List<RemoteServer> tried = new ArrayList<>();
        assertThatThrownBy(() -> pool.<String>make(server -> makeAndKill(tried, server, 3)))
                .isExactlyInstanceOf(DblockException.class)
                .satisfies(thrown -> {
                    assertThat(thrown)
                            .hasMessageContaining("(pid " + tried.get(1).pid() + ") is gone");
                    assertThat(thrown.getSuppressed()).singleElement().satisfies(before -> assertThat(before)
                            .hasMessageContaining("(pid " + tried.get(0).pid() + ") is gone"));
                });
        assertThat(tried).hasSize(2);
    }

    @Test
    void whatCannotBeMadeFailsAtOnce() {
        List<RemoteServer> tried = new ArrayList<>();
        assertThatThrownBy(() -> pool.<String>make(server -> {
                    tried.add(server);
                    throw new DblockException("no room");
                }))
                .hasMessage("no room");
        assertThat(tried).hasSize(1);
    }

    @Test
    void oneThatIsStoppedSaysSoAndGoesOnWhenItIsContinued() {
        ServerProcess server = pool.instance();
        stop(server);
        ServerCommands patient = server.server().commands(Duration.ofHours(1));
        for (int i = 0; i < 100; i++) {
            assertThatThrownBy(patient::stacks)
                    .isExactlyInstanceOf(DblockException.class)
                    .hasMessageContaining("The server process (pid " + server.processId()
                            + ") does not answer, so stacks() is not possible. It is stopped (state T).")
                    .hasMessageContaining("kill -CONT " + server.processId());
        }
        signal(server, "CONT");
        assertThat(patient.stacks()).isNotEmpty();
        assertThat(pool.instance()).isSameAs(server);
    }

    @Test
    void oneThatIsStoppedIsReplacedAndKilledIfNobodyUsesIt() throws Exception {
        ServerProcess server = pool.instance();
        stop(server);
        ServerProcess next = pool.instance();
        assertThat(next).isNotSameAs(server);
        awaitEnd(server);
        assertThat(next.server().commands().stacks()).isNotEmpty();
    }

    @Test
    void oneThatIsStoppedAndUsedIsReplacedAndGoesOnUntilItIsOfNoUse() throws Exception {
        ServerProcess server = pool.instance();
        server.server().use();
        stop(server);
        ServerProcess next = pool.instance();
        assertThat(next).isNotSameAs(server);
        signal(server, "CONT");
        assertThat(server.server().commands().stacks()).isNotEmpty();
        assertThat(pool.instance()).as("whoever goes on later").isSameAs(next);
        server.server().release();
        awaitEnd(server);
    }

    @Test
    void stopEndsOneThatIsStoppedAndThoseThatWereGivenUp() {
        ServerProcess first = pool.instance();
        first.server().use();
        stop(first);
        ServerProcess second = pool.instance();
        stop(second);
        pool.stop();
        assertThat(first.isAlive()).isFalse();
        assertThat(second.isAlive()).isFalse();
    }

    @Test
    void whileOneIsBeingStartedNobodyWaitsWhoNeedsNone() throws Exception {
        CountDownLatch starting = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        AtomicInteger starts = new AtomicInteger();
        ServerPool slow = new ServerPool(() -> {
            starts.incrementAndGet();
            starting.countDown();
            try {
                go.await();
            } catch (InterruptedException e) {
                throw new DblockException("interrupted", e);
            }
            return start();
        });
        try {
            slow.startAhead();
            starting.await();
            CompletableFuture<Void> others = CompletableFuture.runAsync(() -> {
                slow.startAhead();
                assertThat(slow.pid()).isEmpty();
            });
            others.get(60, TimeUnit.SECONDS);
        } finally {
            go.countDown();
        }
        assertThat(slow.instance().isAlive()).isTrue();
        assertThat(starts).hasValue(1);
        slow.stop();
    }

    @Test
    void oneThatCannotBeStartedIsNamedWithItsCommand() {
        assertThatThrownBy(() -> ServerProcess.start(List.of("false", "this", "one")))
                .isExactlyInstanceOf(DblockException.class)
                .hasMessageContaining("could not be started")
                .hasMessageContaining("It has ended with status 1.")
                .hasMessageContaining("false this one");
        assertThatThrownBy(() -> ServerProcess.start(List.of("/no/such/program")))
                .isExactlyInstanceOf(DblockException.class)
                .hasMessageContaining("/no/such/program");
    }

    @Test
    void itEndsWithTheTestsJvmAlthoughItsInputStaysOpen() throws Exception {
        Process test = new ProcessBuilder("sleep", "1000").start();
        try {
            List<String> command = new ArrayList<>(ServerProcess.jvm());
            command.set(command.size() - 1, Long.toString(test.pid()));
            ServerProcess server = ServerProcess.start(command);
            started.add(server);
            assertThat(server.isAlive()).isTrue();
            test.destroyForcibly();
            awaitEnd(server);
        } finally {
            test.destroyForcibly();
        }
    }
}
