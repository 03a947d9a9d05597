// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.junit;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.handler.Operation.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Placement;
import io.dblock.fault.Fault;
import io.dblock.it.support.Poll;
import io.dblock.it.support.Signals;
import io.dblock.junit.DblockDevice;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.assertj.core.util.Throwables;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.platform.testkit.engine.EngineExecutionResults;

/**
 * The server process is killed or stopped, at one moment or another of a test's life. The test is told, its device is torn down
 * all the same and in bounded time, and the next test has a clean machine and a server that answers.
 */
class LostServerTest {
    /** For a class of tests, the teardown of its devices included, in an emulated guest: minutes are a question that waits. */
    private static final Duration LIMIT = Duration.ofSeconds(90);
    /** For what the kernel still has to do when the library has done its part. */
    private static final Duration KERNEL = Duration.ofSeconds(60);

    private static final String SERVER = "io.dblock.internal.remote.ServerMain";

    /** What happens to the server process, and how the library calls that. */
    enum Blow {
        KILL("killed by signal 9"),
        STOP("state T");

        private final String told;

        Blow(String told) {
            this.told = told;
        }
    }

    private static volatile Blow blow;
    private static volatile ProcessHandle struck;

    /** Called by the tests within a test. */
    private static void strike() {
        struck = servers().findFirst().orElseThrow();
        Signals.strike(struck, blow);
    }

    private static Stream<ProcessHandle> servers() {
        return ProcessHandle.current()
                .children()
                .filter(child -> child.info().commandLine().orElse("").contains(SERVER));
    }

    @AfterEach
    void nothingIsLeft() throws IOException {
        if (struck != null) {
            struck.destroyForcibly();
        }
        Fixture.assertNothingIsLeft();
    }

    static class BeforeTheFirstRequest {
        @DblockDevice(size = "16MiB")
        BlockDevice disk;

        @Test
        void loses() {
            strike();
        }
    }

    @ParameterizedTest
    @EnumSource
    void beforeTheTestsFirstRequest(Blow blow) throws Exception {
        assertThatTheLossIsTold(run(blow, BeforeTheFirstRequest.class));
        assertThatTheMachineIsClean();
    }

    static class WithDirtyPages {
        @DblockDevice(size = "64MiB", filesystem = EXT4)
        Path mountPoint;

        @Test
        void loses() throws IOException {
            Files.write(mountPoint.resolve("ledger"), new byte[8 << 20]);
            strike();
        }
    }

    @ParameterizedTest
    @EnumSource
    void whileMountedWithDirtyPages(Blow blow) throws Exception {
        assertThatTheLossIsTold(run(blow, WithDirtyPages.class));
        assertThatTheMachineIsClean();
    }

    static class DuringTeardown {
        @DblockDevice(size = "64MiB", filesystem = EXT4)
        BlockDevice disk;

        @Test
        void loses() throws IOException {
            Path mountPoint = disk.mount();
            // Nothing is written back before the disk is unmounted, which is the first step of its teardown.
            Fault hold = disk.faults().on(WRITE).lenient().hold();
            Files.write(mountPoint.resolve("ledger"), new byte[1 << 20]);
            Thread striker = new Thread(() -> {
                try {
                    hold.awaitHit(Duration.ofSeconds(60));
                    strike();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            });
            striker.setDaemon(true);
            striker.start();
        }
    }

    @ParameterizedTest
    @EnumSource
    void duringTeardown(Blow blow) throws Exception {
        assertThatTheLossIsTold(run(blow, DuringTeardown.class));
        assertThatTheMachineIsClean();
    }

    @TestMethodOrder(MethodOrderer.OrderAnnotation.class)
    static class BetweenTwoTests {
        @BeforeEach
        void lose(TestInfo test) throws IOException {
            if (test.getTestMethod().orElseThrow().getName().equals("second")) {
                // No device is made for the second test yet: its parameters come after this.
                assertThat(Fixture.disks()).isEmpty();
                strike();
            }
        }

        @Test
        @Order(1)
        void first(@DblockDevice(size = "64MiB", filesystem = EXT4) Path mountPoint) throws IOException {
            Files.writeString(mountPoint.resolve("ledger"), "paid");
        }

        @Test
        @Order(2)
        void second(@DblockDevice(size = "64MiB", filesystem = EXT4) Path mountPoint) throws IOException {
            Files.writeString(mountPoint.resolve("ledger"), "paid");
        }
    }

    @ParameterizedTest
    @EnumSource
    void betweenTwoTestsOfAClass(Blow blow) throws Exception {
        EngineExecutionResults results = run(blow, BetweenTwoTests.class);
        // Neither test has lost a device.
        assertThat(Fixture.failures(results)).isEmpty();
        results.testEvents().assertStatistics(stats -> stats.succeeded(2));
        assertThatTheMachineIsClean();
    }

    static class StaticDevice {
        @DblockDevice(size = "64MiB", filesystem = EXT4)
        static Path mountPoint;

        @Test
        void writes() throws IOException {
            Files.writeString(mountPoint.resolve("ledger"), "paid");
        }

        @Test
        void writesMore() throws IOException {
            Files.writeString(mountPoint.resolve("more"), "paid");
        }

        @AfterAll
        static void lose() {
            strike();
        }
    }

    @ParameterizedTest
    @EnumSource
    void beforeTheEndOfAClassWithADevice(Blow blow) throws Exception {
        EngineExecutionResults results = run(blow, StaticDevice.class);
        results.testEvents().assertStatistics(stats -> stats.succeeded(2));
        results.containerEvents().assertStatistics(stats -> stats.failed(1));
        assertThatTheLossIsTold(results);
        assertThatTheMachineIsClean();
    }

    static class InjectedChannel {
        @Test
        void loses(@DblockDevice(size = "16MiB") FileChannel channel) throws IOException {
            channel.write(Fixture.block(), 0);
            strike();
        }
    }

    @ParameterizedTest
    @EnumSource
    void withAnInjectedChannel(Blow blow) throws Exception {
        assertThatTheLossIsTold(run(blow, InjectedChannel.class));
        assertThatTheMachineIsClean();
    }

    static class WatcherOnly {
        @Test
        void losesOnlyTheWatcherOfItsDevice(
                @DblockDevice(size = "64MiB", filesystem = EXT4, placement = Placement.TEST_JVM) Path mountPoint)
                throws IOException {
            Files.writeString(mountPoint.resolve("ledger"), "paid");
            strike();
            Files.writeString(mountPoint.resolve("more"), "paid");
        }
    }

    /** The server process watches the devices that the test's JVM serves, no more. */
    @ParameterizedTest
    @EnumSource
    void whileTheTestsJvmServesTheDevice(Blow blow) throws Exception {
        EngineExecutionResults results = run(blow, WatcherOnly.class);
        assertThat(Fixture.failures(results)).isEmpty();
        results.testEvents().assertStatistics(stats -> stats.succeeded(1));
        assertThatTheMachineIsClean();
    }

    static class Next {
        @Test
        void hasADisk(@DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) throws IOException {
            Path ledger = disk.mount().resolve("ledger");
            Files.writeString(ledger, "paid");
            disk.remount();
            assertThat(ledger).hasContent("paid");
        }
    }

    private static EngineExecutionResults run(Blow what, Class<?> testClass) throws Exception {
        blow = what;
        struck = null;
        EngineExecutionResults results = within(LIMIT, testClass);
        assertThat(struck)
                .as("the server process, which the test was to strike")
                .isNotNull();
        return results;
    }

    /** What becomes of the tests. What is in their way after this time ends with the server, for the sake of other tests. */
    private static EngineExecutionResults within(Duration limit, Class<?> testClass) throws Exception {
        CompletableFuture<EngineExecutionResults> results = new CompletableFuture<>();
        Thread runner = new Thread(
                () -> {
                    try {
                        results.complete(Fixture.engine(testClass).execute());
                    } catch (RuntimeException | Error e) {
                        results.completeExceptionally(e);
                    }
                },
                testClass.getSimpleName());
        runner.setDaemon(true);
        runner.start();
        try {
            Poll.until("the tests of " + testClass.getSimpleName() + " to end", limit, results::isDone);
        } catch (AssertionError e) {
            Throwable where = new Throwable("what waits");
            where.setStackTrace(runner.getStackTrace());
            e.addSuppressed(where);
            servers().forEach(ProcessHandle::destroyForcibly);
            try {
                results.get(5, TimeUnit.MINUTES);
            } catch (ExecutionException late) {
                e.addSuppressed(late);
            }
            throw e;
        }
        return results.get();
    }

    private static void assertThatTheLossIsTold(EngineExecutionResults results) {
        List<Throwable> failures = Fixture.failures(results);
        assertThat(failures).hasSize(1);
        assertThat(Throwables.getStackTrace(failures.get(0)))
                .contains("The server process (pid " + struck.pid() + ")")
                .contains(blow.told);
    }

    private static void assertThatTheMachineIsClean() throws Exception {
        Poll.until("no disk to be left", KERNEL, () -> Fixture.disks().isEmpty());
        Fixture.assertNothingIsLeft();
        Poll.until("no node to be left", KERNEL, () -> nodes().isEmpty());
        assertThat(runDirectories()).as("run directories of this JVM").isEmpty();
        assertThat(liveDevices()).as("devices of this JVM").isEmpty();
        Fixture.succeed(within(LIMIT, Next.class), 1);
        Poll.until("the server process that was lost to be gone", KERNEL, () -> !struck.isAlive());
        assertThat(servers()).as("server processes").hasSizeLessThanOrEqualTo(1);
    }

    private static List<Path> nodes() throws IOException {
        try (Stream<Path> nodes = Files.list(Path.of("/dev"))) {
            return nodes.filter(node -> node.getFileName().toString().matches("dblock[0-9].*"))
                    .toList();
        }
    }

    private static List<Path> runDirectories() throws IOException {
        Path base = Path.of("/run/junit-dblock");
        if (Files.notExists(base)) {
            return List.of();
        }
        String mine = ProcessHandle.current().pid() + "-";
        try (Stream<Path> runs = Files.list(base)) {
            return runs.filter(run -> run.getFileName().toString().startsWith(mine))
                    .toList();
        }
    }

    /** What the library would close at the end of this JVM. */
    private static Collection<?> liveDevices() throws ReflectiveOperationException {
        Method live = Class.forName("io.dblock.internal.device.LiveDevices").getDeclaredMethod("live");
        live.setAccessible(true);
        return (Collection<?>) live.invoke(null);
    }
}
