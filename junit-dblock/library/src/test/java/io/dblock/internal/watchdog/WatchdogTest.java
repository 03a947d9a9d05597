// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.watchdog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.dblock.handler.Operation;
import io.dblock.internal.journal.RequestOperations;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.kernel.Holders;
import io.dblock.internal.kernel.OldestRequest;
import io.dblock.internal.kernel.ProcFs;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class WatchdogTest {
    private static final Duration BOUND = Duration.ofSeconds(30);
    /** The request goes on to age until the watchdog looks. */
    private static final String AT_LEAST_1_5 = "(1\\.[5-9]|\\d*[2-9]\\.\\d|\\d+[01]\\.\\d)";

    private static final Duration LIMIT = Duration.ofSeconds(2);
    private static final long SERVER = 4711;

    @TempDir
    Path root;

    private final ByteArrayOutputStream err = new ByteArrayOutputStream();
    private final Disk disk = new Disk();
    private Watchdog watchdog;
    private Watchdog.Watch watch;

    @BeforeEach
    void aMachine() throws IOException {
        Files.createDirectories(root.resolve("block"));
        ProcFs proc = new ProcFs(root);
        watchdog = new Watchdog(
                proc,
                new Holders(proc, root.resolve("block"), 1, List.of()),
                Duration.ofSeconds(1),
                new PrintStream(err, true, StandardCharsets.UTF_8));
    }

    @AfterEach
    void endsTheWatch() {
        if (watch != null) {
            watch.close();
        }
        disk.unblock.countDown();
    }

    /** A disk with at most one request under way, whose age the test sets. */
    private static final class Disk implements Watchdog.Subject {
        final CountDownLatch unblock = new CountDownLatch(1);
        final BlockingQueue<String> reports = new LinkedBlockingQueue<>();
        final AtomicInteger asked = new AtomicInteger();
        final CountDownLatch givenUp = new CountDownLatch(1);
        volatile Optional<OldestRequest> oldest = Optional.empty();
        volatile long since = System.nanoTime();
        volatile Supplier<List<String>> stacks = () -> List.of("\"main\" RUNNABLE\n    at Ledger.sync");
        volatile List<Watchdog.Party> parties =
                List.of(new Watchdog.Party("the test's JVM", SERVER, () -> stacks.get()));
        volatile RuntimeException infoFailure;

        /** Sets the request under way and its age, which grows from now on. */
        void has(int operation, long offset, long length, Duration age, boolean held) {
            since = System.nanoTime() - age.toNanos();
            oldest = Optional.of(new OldestRequest(operation, offset, length, age, held));
        }

        @Override
        public DeviceInfo info() {
            asked.incrementAndGet();
            if (infoFailure != null) {
                throw infoFailure;
            }
            DeviceParameters parameters = new DeviceParameters(
                    "dblock7",
                    1 << 20,
                    512,
                    512,
                    512,
                    0,
                    1,
                    64,
                    1 << 20,
                    (int) LIMIT.toMillis(),
                    0,
                    0,
                    0,
                    EnumSet.noneOf(DeviceParameters.Flag.class));
            Optional<OldestRequest> now = oldest.map(request -> new OldestRequest(
                    request.operation(),
                    request.offset(),
                    request.length(),
                    Duration.ofNanos(System.nanoTime() - since),
                    request.held()));
            return new DeviceInfo(7, parameters, DeviceInfo.State.LIVE, 1, 259, 3, 1, 1, now.isPresent() ? 2 : 0, now);
        }

        @Override
        public List<String> description() {
            return List.of("com.example.MyHandler answers it");
        }

        @Override
        public List<Watchdog.Party> parties() {
            return parties;
        }

        @Override
        public void report(String text) {
            reports.add(text);
        }

        @Override
        public void giveUp() {
            givenUp.countDown();
        }

        String nextReport() throws InterruptedException {
            String report = reports.poll(BOUND.toSeconds(), TimeUnit.SECONDS);
            return report != null ? report : fail("no report within " + BOUND);
        }

        List<String> blocks() {
            try {
                unblock.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return List.of();
        }
    }

    private void aTask(long pid, String name, char state, String... kernelStack) throws IOException {
        Path task = Files.createDirectories(root.resolve(pid + "/task/" + pid));
        Files.writeString(task.resolve("stat"), pid + " (" + name + ") " + state + " 1 1\n");
        StringBuilder stack = new StringBuilder();
        for (String function : kernelStack) {
            stack.append("[<0>] ").append(function).append("+0x10/0x20\n");
        }
        Files.writeString(task.resolve("stack"), stack);
    }

    @Test
    void aRequestIsReportedLateEnoughToBeOddAndEarlyEnoughToBeLookedAt() {
        assertThat(Watchdog.reportAfter(Duration.ofSeconds(30))).isEqualTo(Duration.ofSeconds(18));
        assertThat(Watchdog.reportAfter(Duration.ofSeconds(10))).isEqualTo(Duration.ofSeconds(6));
        assertThat(Watchdog.reportAfter(Duration.ofHours(1)))
                .isEqualTo(Duration.ofHours(1).minusSeconds(20));
    }

    @Test
    void theReportNamesTheRequestTheHandlerTheThreadsTheTasksAndTheHolders() throws Exception {
        aTask(815, "jbd2/dblock7", 'D', "io_schedule", "jbd2_journal_commit");
        aTask(816, "idle", 'S', "do_poll");
        Files.createDirectories(root.resolve("816/fd"));
        Files.createSymbolicLink(root.resolve("816/fd/3"), Path.of("/dev/dblock7"));
        disk.has(1, 8192, 4096, Duration.ofMillis(1500), true);
        watch = watchdog.add(disk);
        assertThat(disk.nextReport())
                .containsPattern(
                        "/dev/dblock7: a WRITE of 4096 bytes at byte 8192 has waited for " + AT_LEAST_1_5 + " s")
                .contains("after 2.0 s")
                .contains("has it and has not answered")
                .contains("requests under way: 2")
                .contains("com.example.MyHandler answers it")
                .contains("threads of the test's JVM (pid 4711)")
                .contains("at Ledger.sync")
                .contains("pid 815 tid 815 \"jbd2/dblock7\" D")
                .contains("in io_schedule+0x10")
                .contains("has open /dev/dblock7")
                .doesNotContain("do_poll")
                .doesNotContain("cause:");
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("a WRITE of 4096 bytes");
    }

    @Test
    void aRequestThatNobodyHasFetchedIsSaidToWaitForAServer() throws Exception {
        disk.has(2, 0, 0, Duration.ofMillis(1500), false);
        watch = watchdog.add(disk);
        assertThat(disk.nextReport()).contains("a FLUSH has waited").contains("no server has asked for it");
    }

    @ParameterizedTest
    @EnumSource
    void everyOperationIsReportedByItsName(Operation operation) throws Exception {
        disk.has(RequestOperations.number(operation), 1 << 20, 0, Duration.ofMillis(1500), true);
        watch = watchdog.add(disk);
        assertThat(disk.nextReport())
                .containsPattern("/dev/dblock7: a " + operation + " has waited for " + AT_LEAST_1_5 + " s");
    }

    @Test
    void anOperationThatIsNotKnownIsReportedByItsNumber() throws Exception {
        disk.has(4711, 0, 0, Duration.ofMillis(1500), true);
        watch = watchdog.add(disk);
        assertThat(disk.nextReport()).contains("a request with the operation 4711 has waited");
    }

    @Test
    void aReportThatCannotBeMadeIsSaidToHaveFailed() throws Exception {
        disk.parties = Arrays.asList((Watchdog.Party) null);
        disk.has(1, 8192, 4096, Duration.ofMillis(1500), true);
        watch = watchdog.add(disk);
        assertThat(disk.nextReport())
                .contains("/dev/dblock7: a WRITE of 4096 bytes at byte 8192")
                .contains("NullPointerException");
    }

    @Test
    void eachRequestIsReportedOnce() throws Exception {
        disk.has(1, 8192, 4096, Duration.ofMillis(1300), true);
        watch = watchdog.add(disk);
        disk.nextReport();
        int asked = disk.asked.get();
        awaitQuestions(asked + 3);
        assertThat(disk.reports).isEmpty();
        // A request with the same values but younger is another one.
        disk.has(1, 8192, 4096, Duration.ofMillis(1250), true);
        disk.nextReport();
    }

    private void awaitQuestions(int count) throws InterruptedException {
        awaitQuestions(disk, count);
    }

    private static void awaitQuestions(Disk about, int count) throws InterruptedException {
        long deadline = System.nanoTime() + BOUND.toNanos();
        while (about.asked.get() < count) {
            assertThat(System.nanoTime())
                    .as("waiting for question %s, had %s", count, about.asked)
                    .isLessThan(deadline);
            Thread.sleep(10);
        }
    }

    @Test
    void aYoungRequestIsNotReported() throws Exception {
        watch = watchdog.add(disk);
        for (int i = 0; i < 5; i++) {
            // The negative age keeps the request young, however long this test pauses.
            disk.has(0, i, 512, Duration.ofHours(-1), true);
            awaitQuestions(disk.asked.get() + 2);
        }
        assertThat(disk.reports).isEmpty();
    }

    @Test
    void aJvmThatWaitsForAPageOfItsOwnDiskIsNamedAsTheCauseAndGivenUp() throws Exception {
        aTask(SERVER, "java", 'D', "folio_wait_bit_common", "filemap_fault", "handle_mm_fault");
        disk.stacks = disk::blocks;
        disk.has(0, 0, 4096, Duration.ofMillis(1300), true);
        watch = watchdog.add(disk);
        assertThat(disk.nextReport())
                .contains("does not say what its threads are doing")
                .contains("in filemap_fault")
                .contains("cause: the test's JVM waits for itself")
                .contains("placement = SERVER_PROCESS")
                .contains("FileChannel")
                .satisfies(report -> assertThat(report.indexOf("cause:"))
                        .as("the place of the cause")
                        .isLessThan(report.indexOf("does not say what its threads")));
        assertThat(disk.givenUp.await(BOUND.toSeconds(), TimeUnit.SECONDS)).isTrue();
        assertThat(disk.nextReport()).contains("removed by force");
    }

    /** User Mode Linux shows only this function of a waiting task. A read of a file that is not mapped waits there, too. */
    @Test
    void whereTheKernelShowsNoStacksAMappingAndTheInnermostFunctionTell() throws Exception {
        aTask(SERVER, "java", 'D');
        Files.writeString(root.resolve(SERVER + "/task/" + SERVER + "/wchan"), "filemap_read_folio");
        disk.stacks = disk::blocks;
        disk.has(0, 0, 4096, Duration.ofMillis(1300), true);
        watch = watchdog.add(disk);
        assertThat(disk.nextReport()).contains("in filemap_read_folio").doesNotContain("waits for itself");
        watch.close();

        Files.writeString(root.resolve(SERVER + "/maps"), "7f00-7f01 rw-s 00000000 103:07 12 /dev/dblock7\n");
        watch = watchdog.add(disk);
        assertThat(disk.nextReport()).contains("cause: the test's JVM waits for itself");
    }

    @Test
    void aJvmThatIsStoppedIsSaidToBeAndIsNotGivenUp() throws Exception {
        aTask(SERVER, "java", 'T');
        disk.stacks = disk::blocks;
        disk.has(0, 0, 4096, Duration.ofMillis(1300), true);
        watch = watchdog.add(disk);
        assertThat(disk.nextReport()).contains("is stopped").contains("kill -CONT 4711");
        awaitQuestions(disk.asked.get() + 10);
        assertThat(disk.givenUp.getCount()).isEqualTo(1);
    }

    @Test
    void aJvmThatAnswersAgainInTimeIsNotGivenUp() throws Exception {
        aTask(SERVER, "java", 'D', "filemap_fault");
        AtomicInteger asked = new AtomicInteger();
        disk.stacks = () -> asked.incrementAndGet() == 1 ? disk.blocks() : List.of("\"main\" RUNNABLE");
        disk.has(0, 0, 4096, Duration.ofMillis(1300), true);
        watch = watchdog.add(disk);
        assertThat(disk.nextReport()).contains("waits for itself");
        awaitQuestions(disk.asked.get() + 10);
        assertThat(disk.givenUp.getCount()).isEqualTo(1);
        assertThat(disk.reports).isEmpty();
    }

    @Test
    void aDeviceIsNotAskedAboutAfterItsWatchIsClosed() throws Exception {
        watch = watchdog.add(disk);
        awaitQuestions(2);
        watch.close();
        int asked = disk.asked.get();
        disk.has(0, 0, 512, LIMIT, true);
        // The same thread asks about another disk meanwhile.
        Disk other = new Disk();
        watch = watchdog.add(other);
        awaitQuestions(other, 5);
        assertThat(disk.asked).hasValue(asked);
    }

    @Test
    void whatCannotBeAskedAboutIsNotWatchedAnyMoreAndSaid() throws Exception {
        disk.infoFailure = new IllegalStateException("no such connection");
        watch = watchdog.add(disk);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("no such connection");
        assertThat(disk.asked).hasValue(1);
    }

    @Test
    void noThreadIsThereWithoutADevice() throws Exception {
        watch = watchdog.add(disk);
        assertThat(pollers()).isEqualTo(1);
        watch.close();
        long deadline = System.nanoTime() + BOUND.toNanos();
        while (pollers() > 0) {
            assertThat(System.nanoTime()).as("the watchdog's thread is to end").isLessThan(deadline);
            Thread.sleep(50);
        }
    }

    private static long pollers() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().equals("junit-dblock watchdog"))
                .count();
    }

    @Test
    void stacksOfThisJvmHaveThisThreadAndNotTheJvmsOwn() {
        assertThat(JavaStacks.ofThisJvm())
                .anySatisfy(stack -> assertThat(stack).contains("stacksOfThisJvmHaveThisThread"))
                .noneSatisfy(stack -> assertThat(stack).contains("Reference Handler"));
    }
}
