// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.platform.testkit.engine.EngineExecutionResults;

/** Tests of the files that a failed test leaves. */
class ArtifactsTest {
    private static final String CLASS = ArtifactsTest.class.getName() + "$";

    private final FakeLab lab = FakeLab.fresh();

    @TempDir
    private Path directory;

    private Run run(Class<?> testClass) {
        return Run.of(testClass)
                .with(DblockParameters.ARTIFACTS, "on-failure")
                .with(DblockParameters.ARTIFACTS_DIRECTORY, directory.toString());
    }

    private List<String> files() throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(Files::isRegularFile)
                    .map(file -> directory.relativize(file).toString())
                    .sorted()
                    .toList();
        }
    }

    static class Failing {
        @DblockDevice(seed = 99)
        BlockDevice disk;

        @Test
        void fails() {
            disk.faults()
                    .on(Operation.WRITE)
                    .named("bad <sectors>")
                    .sectors(0, 7)
                    .fail(Errno.EIO);
            disk.journal().mark("commit");
            FakeLab.disk(disk).write(0, 8, 1);
            FakeLab.disk(disk).write(8, 8, 1);
            throw new IllegalStateException("the test's own");
        }

        @Test
        void succeeds() {}
    }

    @Test
    void aFailedTestLeavesJournalPictureAndRulesAndNoOtherDoes() throws Exception {
        Throwable failure = run(Failing.class).expectOneFailure();

        String place = CLASS + "Failing/fails/disk/";
        assertThat(files()).containsExactly(place + "device.txt", place + "journal.txt", place + "picture.svg");
        assertThat(Files.readString(directory.resolve(place + "journal.txt")))
                .contains("MARK   \"commit\"")
                .contains("WRITE  sectors 0-7 (4KiB): EIO")
                .contains("[bad <sectors>]");
        assertThat(Files.readString(directory.resolve(place + "picture.svg")))
                .startsWith("<svg ")
                .contains("Failing.fails: disk (dblock")
                .contains("bad &lt;sectors&gt;");
        assertThat(Files.readString(directory.resolve(place + "device.txt")))
                .containsPattern("device: dblock[01] of @DblockDevice field disk of ArtifactsTest.Failing\n")
                .contains("seed: 99 (to have it again: configuration parameter junit.dblock.seed")
                .contains("power: on\n")
                .contains("journal: 2 requests kept, 0 entries dropped, 0 flushes\n")
                .contains("  \"bad <sectors>\": on WRITE, sectors 0-7: fail with EIO: 1 hits\n")
                .contains("unflushed writes:\n  #3 WRITE of 4096 bytes at 4096");
        assertThat(failure).hasMessage("the test's own");
        assertThat(failure.getSuppressed()).singleElement().satisfies(report -> assertThat(report)
                .hasMessage("what is known of the test's device\n"
                        + "    device: @DblockDevice field disk of ArtifactsTest.Failing\n"
                        + "    seed: 99\n"
                        + "    faults: \"bad <sectors>\": on WRITE, sectors 0-7: fail with EIO: 1 hits\n"
                        + "    artifacts: " + directory.resolve(place).toAbsolutePath()));
    }

    static class Stuck {
        @DblockDevice
        BlockDevice disk;

        @Test
        void fails() {
            FakeLab.current().incidents.put(disk.name(), List.of("a WRITE has waited for 20 s"));
            throw new AssertionError("timed out");
        }
    }

    @Test
    void whatHappenedToTheDeviceIsInTheFailureTheReportAndTheArtifacts() throws Exception {
        EngineExecutionResults results = run(Stuck.class).execute();
        assertThat(Run.reportEntries(results))
                .filteredOn(entry -> entry.containsKey("junit-dblock.incidents"))
                .singleElement()
                .satisfies(entry ->
                        assertThat(entry.get("junit-dblock.incidents")).isEqualTo("a WRITE has waited for 20 s"));
        assertThat(Files.readString(directory.resolve(CLASS + "Stuck/fails/disk/device.txt")))
                .contains("a WRITE has waited for 20 s");
        Throwable failure = run(Stuck.class).expectOneFailure();
        assertThat(failure).hasMessage("timed out");
        assertThat(failure.getSuppressed()).singleElement().satisfies(report -> assertThat(report)
                .hasMessageContaining("incidents: a WRITE has waited for 20 s"));
    }

    @Test
    void theyAreReported() {
        EngineExecutionResults results = run(Failing.class).execute();
        assertThat(Run.reportEntries(results))
                .filteredOn(entry -> entry.containsKey("junit-dblock.artifacts"))
                .singleElement()
                .isEqualTo(Map.of(
                        "junit-dblock.device",
                        "@DblockDevice field disk of ArtifactsTest.Failing",
                        "junit-dblock.seed",
                        "99",
                        "junit-dblock.faults",
                        "\"bad <sectors>\": on WRITE, sectors 0-7: fail with EIO: 1 hits",
                        "junit-dblock.artifacts",
                        directory.resolve(CLASS + "Failing/fails/disk").toString()));
    }

    @Test
    void neverIsNever() throws Exception {
        EngineExecutionResults results =
                run(Failing.class).with(DblockParameters.ARTIFACTS, "never").execute();
        assertThat(files()).isEmpty();
        assertThat(Run.reportEntries(results))
                .filteredOn(entry -> "99".equals(entry.get("junit-dblock.seed")))
                .singleElement()
                .satisfies(entry -> assertThat(entry).doesNotContainKey("junit-dblock.artifacts"));
    }

    static class Succeeding {
        @Test
        void test(@DblockDevice(artifacts = Artifacts.ALWAYS) BlockDevice one, @DblockDevice BlockDevice other) {}
    }

    @Test
    void alwaysIsAlsoAfterSuccess() throws Exception {
        run(Succeeding.class).expectSuccess();
        assertThat(files()).hasSize(3).allMatch(file -> file.startsWith(CLASS + "Succeeding/test/"));
    }

    @Test
    void theOldOnesAreRemovedWhenTheTestRunsAgain() throws Exception {
        run(Succeeding.class).with(DblockParameters.ARTIFACTS, "always").expectSuccess();
        assertThat(files()).hasSize(6);
        run(Succeeding.class).expectSuccess();
        assertThat(files()).hasSize(3);
    }

    static class Leaking {
        @Test
        void leaks(@DblockDevice BlockDevice disk) {
            FakeLab.disk(disk).write(0, 8, 1);
            FakeLab.current().leaking.add(disk.name());
        }
    }

    @Test
    void aTestThatFailsOnlyWhenItsDeviceIsTornDownLeavesThemToo() throws Exception {
        run(Leaking.class).expectOneFailure();
        assertThat(files()).hasSize(3);
        assertThat(Files.readString(directory.resolve(files().get(1)))).contains("WRITE  sectors 0-7");
    }

    static class Aborting {
        @Test
        void aborts(@DblockDevice BlockDevice disk) {
            Assumptions.abort("not today");
        }
    }

    @Test
    void anAbortedTestLeavesNothing() throws Exception {
        run(Aborting.class).execute().testEvents().assertStatistics(stats -> stats.aborted(1));
        assertThat(files()).isEmpty();
    }

    static class Repeated {
        @RepeatedTest(2)
        void repeats(@DblockDevice BlockDevice disk) {
            throw new IllegalStateException();
        }

        @Test
        void overloaded(@DblockDevice BlockDevice disk) {
            throw new IllegalStateException();
        }

        @Test
        void overloaded(@DblockDevice BlockDevice disk, org.junit.jupiter.api.TestInfo info) {
            throw new IllegalStateException();
        }
    }

    @Test
    void repetitionsAndOverloadsHavePlacesOfTheirOwn() throws Exception {
        run(Repeated.class).execute().testEvents().assertStatistics(stats -> stats.failed(4));
        List<String> files = files();
        assertThat(files).hasSize(12);
        assertThat(files)
                .filteredOn(file -> file.contains("Repeated/repeats-1/"))
                .hasSize(3);
        assertThat(files)
                .filteredOn(file -> file.contains("Repeated/repeats-2/"))
                .hasSize(3);
        assertThat(files).filteredOn(file -> file.contains("~2/")).hasSize(3);
    }

    static class OfTheClass {
        @DblockDevice
        static BlockDevice disk;

        @Test
        void fails() {
            throw new IllegalStateException();
        }
    }

    @Test
    void thoseOfAStaticDeviceAreTheClasss() throws Exception {
        run(OfTheClass.class).execute();
        assertThat(files()).hasSize(3).allMatch(file -> file.startsWith(CLASS + "OfTheClass/disk/"));
    }

    @Test
    void whereTheyCannotBeWrittenTheReportSaysWhy() throws Exception {
        Files.writeString(directory.resolve(CLASS + "Failing"), "in the way");
        Throwable failure = run(Failing.class).expectOneFailure();
        assertThat(failure).hasMessage("the test's own");
        assertThat(failure.getSuppressed()[0].getMessage())
                .contains("artifacts: could not be written to " + directory.resolve(CLASS + "Failing/fails/disk"));
        assertThat(lab.log).filteredOn(entry -> entry.startsWith("close")).hasSize(2);
    }
}
