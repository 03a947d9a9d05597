// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static io.dblock.handler.Errno.EIO;
import static io.dblock.handler.Errno.ENOSPC;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashState;
import io.dblock.crash.FailedState;
import io.dblock.crash.FaultReport;
import io.dblock.crash.FaultTest;
import io.dblock.handler.Operation;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A fault test finds writers that do not take an error for what it is, and nothing in one that does. */
@Timeout(300)
class FaultSweepIT {
    private static final int LINES = 3;

    private BlockDevice disk;

    /** What a writer does when a sync fails. */
    private enum OnFailure {
        IGNORE,
        RETRY,
        STOP
    }

    @BeforeEach
    void createDisk() {
        disk = LogWorkload.disk(1);
    }

    @AfterEach
    void closeDisk() {
        disk.close();
    }

    private static void append(Path file, OnFailure onFailure, Consumer<String> acknowledge) throws IOException {
        for (int i = 0; i < LINES; i++) {
            try (FileChannel channel = FileChannel.open(file, CREATE, WRITE, StandardOpenOption.APPEND)) {
                channel.write(ByteBuffer.wrap(("line " + i + "\n").getBytes(UTF_8)));
                try {
                    channel.force(false);
                } catch (IOException e) {
                    switch (onFailure) {
                        case IGNORE -> {}
                        case RETRY -> channel.force(false);
                        case STOP -> throw e;
                    }
                }
            }
            acknowledge.accept("line " + i);
        }
    }

    private static void check(CrashState state) throws IOException {
        Path file = state.mount().resolve("lines");
        List<String> lines = new ArrayList<>();
        if (Files.exists(file)) {
            lines.addAll(new String(Files.readAllBytes(file), UTF_8).lines().toList());
        }
        assertThat(lines).containsAll(state.acknowledged(String.class));
    }

    private FaultTest test(OnFailure onFailure) {
        return FaultTest.of(disk)
                .workload(run -> append(disk.mount().resolve("lines"), onFailure, run::acknowledge))
                .check(FaultSweepIT::check)
                .within(Duration.ofMinutes(4));
    }

    private Throwable failure(FaultTest test) {
        Throwable failure = catchThrowable(() -> System.out.println("no fault was found: " + test.verify()));
        System.out.println("fault test: " + failure);
        assertThat(failure).isInstanceOf(AssertionError.class).hasMessageContaining("A fault breaks it: ");
        return failure;
    }

    @Test
    void aWriterThatIgnoresAFailedSyncIsFound() {
        assertThat(failure(test(OnFailure.IGNORE)))
                .hasMessageContaining("It has acknowledged: [line 0")
                .hasMessageContaining("-Ddblock.fault=");
    }

    /** Linux forgets a write that failed, and reports it once: https://wiki.postgresql.org/wiki/Fsync_Errors. */
    @Test
    void aWriterThatBelievesASecondSyncIsFound() {
        assertThat(failure(test(OnFailure.RETRY).operations(Operation.WRITE)))
                .hasMessageContaining("WRITE number ")
                .hasMessageContaining("lines +0..")
                .hasMessageContaining("The workload has reported nothing");
    }

    @Test
    void aWriterThatStopsIsRight() {
        FaultReport report = test(OnFailure.STOP).errors(EIO, ENOSPC).verify();
        System.out.println("fault test of a writer that stops: " + report);
        assertThat(report.left()).isZero();
        assertThat(report.faults()).isGreaterThan(20);
        assertThat(report.reached()).isGreaterThan(20);
        assertThat(report.reported()).isBetween(10L, report.reached());
        assertThat(report.checked()).isGreaterThan(report.reached());
    }

    @Test
    void aFaultIsTriedAloneByItsIdAndTheDiskIsAsBefore() throws Exception {
        Path before = disk.mount().resolve("before");
        Files.writeString(before, "here");
        FaultTest test = test(OnFailure.IGNORE);
        failure(test);
        assertThat(disk.mountPoint()).isEmpty();
        assertThat(disk.mount().resolve("before")).hasContent("here");
        assertThat(disk.mount().resolve("lines")).doesNotExist();

        String id = test.report().failures().get(0).id();
        System.setProperty(FaultTest.FAULT, id);
        try {
            assertThat(failure(test(OnFailure.IGNORE)))
                    .hasMessageContaining("-Ddblock.fault=" + id)
                    .hasMessageContaining("1 faults tried, 1 failed");
        } finally {
            System.clearProperty(FaultTest.FAULT);
        }
    }

    /** Also says that of those which break it, the one that happens once comes first. */
    @Test
    void eachFaultIsATestThatItsNameCanRepeat() throws Exception {
        Map<String, Boolean> passed = new LinkedHashMap<>();
        FaultTest test = test(OnFailure.IGNORE).operations(Operation.FLUSH);
        try (Stream<DynamicTest> tests = test.states()) {
            tests.forEach(one -> passed.put(
                    one.getDisplayName(),
                    catchThrowable(() -> one.getExecutable().execute()) == null));
        }
        FaultReport report = test.report();
        List<String> failed = passed.keySet().stream()
                .filter(name -> !passed.get(name))
                .map(name -> name.replaceAll(" .*", ""))
                .toList();
        assertThat(report.failures()).extracting(FailedState::id).isEqualTo(failed);
        assertThat(failed).hasSizeGreaterThan(1).startsWith("flush.1.EIO.once").contains("flush.1.EIO.forgood");
        assertThat(passed).hasSize((int) report.faults() + 1).containsEntry(report.toString(), true);
        assertThat(passed.keySet()).contains("flush.1.EIO.once FLUSH number 1 fails with EIO");

        System.setProperty(FaultTest.FAULT, failed.get(1));
        try (Stream<DynamicTest> tests =
                test(OnFailure.IGNORE).operations(Operation.FLUSH).states()) {
            List<DynamicTest> all = tests.toList();
            assertThat(all).hasSize(1);
            assertThat(catchThrowable(() -> all.get(0).getExecutable().execute()))
                    .hasMessageContaining("This fault alone: -Ddblock.fault=" + failed.get(1));
        } finally {
            System.clearProperty(FaultTest.FAULT);
        }
    }

    @Test
    void aFailedReadIsReportedToTheCheck() throws Exception {
        Path file = disk.mount().resolve("lines");
        Files.writeString(file, "there");
        List<String> reported = new ArrayList<>();
        FaultReport report = FaultTest.of(disk)
                .operations(Operation.READ)
                .forGood() // The kernel tries a failed read again.
                .workload(run -> {
                    try {
                        run.acknowledge(Files.readString(file));
                    } catch (IOException e) {
                        throw new UncheckedIOException("not readable", e);
                    }
                })
                .check(state -> {
                    assertThat(state.mount().resolve("lines")).hasContent("there");
                    state.reported().ifPresent(failure -> reported.add(failure.getMessage()));
                })
                .verify();
        assertThat(report.reached()).isPositive();
        assertThat(report.reported()).isPositive();
        assertThat(reported).contains("not readable");
    }
}
