// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.DblockException;
import io.dblock.Filesystem;
import io.dblock.LeakException;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterResolutionException;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.junit.platform.testkit.engine.EngineExecutionResults;
import org.opentest4j.AssertionFailedError;

/** Tests that devices are torn down whatever happened before, and that what is found fails the right test. */
class TeardownTest {
    private final FakeLab lab = FakeLab.fresh();

    @TempDir
    Path directory;

    // ---- leaks ----

    @TestMethodOrder(MethodOrderer.OrderAnnotation.class)
    static class Leaking {
        @DblockDevice
        BlockDevice disk;

        @Test
        @Order(1)
        void leaks() {
            FakeLab.current().leaking.add(disk.name());
        }

        @Test
        @Order(2)
        void doesNot() {}
    }

    @Test
    void aLeakFailsTheTestThatMadeItAndNoOther() {
        EngineExecutionResults results = Run.of(Leaking.class).execute();
        results.testEvents().assertStatistics(stats -> stats.succeeded(1).failed(1));
        assertThat(Run.failures(results)).singleElement().satisfies(failure -> {
            Throwable leak = Run.teardown(failure);
            assertThat(leak)
                    .isInstanceOf(LeakException.class)
                    .hasMessageContaining("field disk of TeardownTest.Leaking")
                    .hasMessageContaining("dblock0 was still in use");
            assertThat(((LeakException) leak).holders()).containsExactly("pid 4711 (cat): /mnt/file");
        });
        assertThat(lab.log).containsExactly("create dblock0", "close dblock0", "create dblock1", "close dblock1");
    }

    static class FailingAndLeaking {
        @Test
        void test(@DblockDevice BlockDevice disk) {
            FakeLab.current().leaking.add(disk.name());
            throw new IllegalStateException("the test's own");
        }
    }

    @Test
    void theLeakOfAFailingTestIsAddedToItsFailure() {
        Throwable failure = Run.of(FailingAndLeaking.class).expectOneFailure();
        assertThat(failure).isInstanceOf(IllegalStateException.class).hasMessage("the test's own");
        assertThat(failure.getSuppressed()).hasSize(2);
        assertThat(failure.getSuppressed()[0]).isInstanceOf(DeviceReport.class);
        assertThat(Run.teardown(failure.getSuppressed()[1]))
                .isInstanceOf(LeakException.class)
                .hasMessageContaining(
                        "@DblockDevice parameter arg0 of TeardownTest.FailingAndLeaking.test(BlockDevice): ");
    }

    static class LeakingClass {
        @DblockDevice
        static BlockDevice disk;

        @Test
        void test() {
            FakeLab.current().leaking.add(disk.name());
        }
    }

    @Test
    void theLeakOfAStaticFieldsDeviceFailsTheClass() {
        EngineExecutionResults results = Run.of(LeakingClass.class).execute();
        results.testEvents().assertStatistics(stats -> stats.succeeded(1));
        results.containerEvents().assertStatistics(stats -> stats.failed(1));
        assertThat(Run.teardown(Run.failures(results).get(0))).isInstanceOf(LeakException.class);
    }

    static class TwoLeaks {
        @Test
        void test(@DblockDevice BlockDevice one, @DblockDevice BlockDevice other, @DblockDevice BlockDevice third) {
            FakeLab.current().leaking.add(one.name());
            FakeLab.current().leaking.add(other.name());
        }
    }

    @Test
    void oneDevicesLeakDoesNotKeepTheOthersFromBeingClosed() {
        Throwable failure = Run.of(TwoLeaks.class).expectOneFailure();
        assertThat(Run.teardown(failure)).isInstanceOf(LeakException.class);
        assertThat(failure.getSuppressed())
                .filteredOn(suppressed -> !(suppressed instanceof DeviceReport))
                .singleElement()
                .satisfies(other -> assertThat(Run.teardown(other)).isInstanceOf(LeakException.class));
        assertThat(lab.open).isEmpty();
        assertThat(lab.log).containsSequence("close dblock2", "close dblock1", "close dblock0");
    }

    static class MountedFork {
        @Test
        void test(@DblockDevice BlockDevice disk) {
            FakeLab.current().mountedForks.add(disk.name());
        }
    }

    @Test
    void aForkThatIsStillMountedFailsTheTestAndIsClosedBeforeItsDevice() {
        Throwable failure = Run.of(MountedFork.class).expectOneFailure();
        assertThat(failure).hasMessageContaining("Forks of dblock0 were still in use");
        assertThat(((LeakException) Run.teardown(failure)).holders())
                .containsExactly("dblock99, was still mounted at /mnt/fork");
        assertThat(lab.log).containsExactly("create dblock0", "close forks of dblock0", "close dblock0");
    }

    // ---- servers that are gone ----

    static class Green {
        @DblockDevice
        BlockDevice disk;

        @Test
        void test() {
            FakeLab.fallSilent();
        }
    }

    static class Red {
        @DblockDevice
        BlockDevice disk;

        @Test
        void test() {
            FakeLab.fallSilent();
            throw new IllegalStateException("the test's own");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"unproven", "faults", "seed", "journal", "handlerFailures", "incidents"})
    void aQuestionThatIsNotAnsweredKeepsNoDeviceFromBeingClosed(String question) {
        lab.silent.add(question);
        Throwable failure = Run.of(Red.class)
                .with(DblockParameters.ARTIFACTS, "on_failure")
                .with(DblockParameters.ARTIFACTS_DIRECTORY, directory.toString())
                .expectOneFailure();
        assertThat(failure).hasMessage("the test's own");
        assertThat(lab.log).containsExactly("create dblock0", "close dblock0");
        if (!question.equals("incidents")) {
            // This JVM has these; no other question is asked.
            assertThat(lab.asked)
                    .filteredOn(asked -> !asked.equals("incidents"))
                    .endsWith(question)
                    .containsOnlyOnce(question);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aDeviceThatCannotBeAskedFailsTheTestOnceItIsClosed(boolean leaks) {
        lab.silent.add("unproven");
        if (leaks) {
            lab.leaking.add("dblock0");
        }
        Throwable failure = Run.of(Green.class).expectOneFailure();
        assertThat(failure).isInstanceOf(AssertionFailedError.class);
        Throwable unanswered = leaks ? failure.getSuppressed()[1] : failure;
        assertThat(unanswered)
                .hasMessage(
                        "The device of @DblockDevice field disk of TeardownTest.Green could not be asked for what its rules"
                                + " have done: the server is gone");
        assertThat(lab.log).containsExactly("create dblock0", "close dblock0");
        assertThat(lab.asked).containsOnly("unproven", "incidents").containsOnlyOnce("unproven");
    }

    // ---- failing set-ups ----

    static class FailingBeforeEach {
        @DblockDevice
        BlockDevice disk;

        @BeforeEach
        void fails() {
            throw new IllegalStateException("set-up");
        }

        @Test
        void test() {}
    }

    @Test
    void aFailingBeforeEachLeavesNoDevice() {
        assertThat(Run.of(FailingBeforeEach.class).expectOneFailure()).hasMessage("set-up");
        assertThat(lab.log).containsExactly("create dblock0", "close dblock0");
    }

    static class FailingConstructor {
        FailingConstructor(@DblockDevice BlockDevice disk) {
            throw new IllegalStateException("constructor");
        }

        @Test
        void test() {}
    }

    @Test
    void aFailingConstructorLeavesNoDevice() {
        assertThat(Run.of(FailingConstructor.class).expectOneFailure()).hasMessageContaining("constructor");
        assertThat(lab.log).containsExactly("create dblock0", "close dblock0");
    }

    static class SecondFieldFails {
        @DblockDevice
        BlockDevice one;

        @DblockDevice
        BlockDevice other;

        @Test
        void test() {}
    }

    @Test
    void theFirstDeviceIsClosedIfTheSecondCannotBeMade() {
        lab.failingCreation = 1;
        assertThat(Run.of(SecondFieldFails.class).expectOneFailure())
                .isInstanceOf(ExtensionConfigurationException.class)
                .hasMessageContaining(" of TeardownTest.SecondFieldFails could not be made: ")
                .hasMessageContaining("could not be made: mkfs.ext4 is missing")
                .hasCauseInstanceOf(DblockException.class);
        assertThat(lab.log).containsExactly("create dblock0", "close dblock0");
    }

    static class SecondParameterFails {
        @Test
        void test(@DblockDevice BlockDevice one, @DblockDevice BlockDevice other) {}
    }

    @Test
    void theFirstParametersDeviceIsClosedIfTheSecondCannotBeMade() {
        lab.failingCreation = 1;
        assertThat(Run.of(SecondParameterFails.class).expectOneFailure())
                .isInstanceOf(ParameterResolutionException.class)
                .hasMessageContaining("mkfs.ext4 is missing");
        assertThat(lab.log).containsExactly("create dblock0", "close dblock0");
    }

    static class Unmountable {
        @Test
        void test(@DblockDevice(filesystem = Filesystem.XFS) Path mountPoint) {}
    }

    @Test
    void aDeviceThatCannotBeMountedIsClosed() {
        lab.unmountable.add("dblock0");
        assertThat(Run.of(Unmountable.class).expectOneFailure())
                .isInstanceOf(ParameterResolutionException.class)
                .hasMessageContaining("could not be injected: mount: wrong fs type");
        assertThat(lab.log).containsExactly("create dblock0", "close dblock0");
    }

    static class FailingStatic {
        @DblockDevice
        static BlockDevice one;

        @DblockDevice
        static BlockDevice other;

        @Test
        void test() {}
    }

    @Test
    void aStaticDeviceThatCannotBeMadeFailsTheClass() {
        lab.failingCreation = 1;
        EngineExecutionResults results = Run.of(FailingStatic.class).execute();
        results.containerEvents().assertStatistics(stats -> stats.failed(1));
        results.testEvents().assertStatistics(stats -> stats.started(0));
        assertThat(lab.log).containsExactly("create dblock0", "close dblock0");
    }

    static class Witness implements BeforeEachCallback {
        @Override
        public void beforeEach(ExtensionContext context) {
            context.getStore(ExtensionContext.Namespace.create(Witness.class)).put("witness", (AutoCloseable) () ->
                    FakeLab.note("later interrupted " + Thread.currentThread().isInterrupted()));
        }
    }

    @ExtendWith(Witness.class)
    static class Interrupted {
        @DblockDevice
        BlockDevice disk;

        @Test
        void test() {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void teardownIsNotInterruptedByWhatInterruptedTheTest() {
        Run.of(Interrupted.class).expectSuccess();
        assertThat(lab.log).containsExactly("create dblock0", "close dblock0", "later interrupted true");
    }

    // ---- cleanup modes ----

    static class OnSuccess {
        @Test
        void succeeds(@DblockDevice(cleanup = CleanupMode.ON_SUCCESS) BlockDevice disk) {
            FakeLab.note("succeeds " + disk.name());
        }
    }

    static class OnFailure {
        @Test
        void fails(@DblockDevice(cleanup = CleanupMode.ON_SUCCESS, filesystem = Filesystem.EXT4) Path mountPoint) {
            throw new IllegalStateException("the test's own");
        }

        @Nested
        class After {
            @Test
            void later() {
                FakeLab.note("later");
            }
        }
    }

    @Test
    void theDeviceOfASuccessfulTestIsClosedWithOnSuccess() {
        Run.of(OnSuccess.class).expectSuccess();
        assertThat(lab.log).containsExactly("create dblock0", "succeeds dblock0", "close dblock0");
    }

    @Test
    void theDeviceOfAFailingTestIsKeptToTheEndOfTheRunWithOnSuccess() {
        EngineExecutionResults results = Run.of(OnFailure.class).execute();
        assertThat(lab.log).containsExactly("create dblock0", "mount dblock0", "later", "close dblock0");
        assertThat(Run.reportEntries(results))
                .flatExtracting(Map::keySet)
                .filteredOn("junit-dblock.kept"::equals)
                .hasSize(1);
        assertThat(Run.reportEntries(results))
                .map(entry -> entry.getOrDefault("junit-dblock.kept", ""))
                .anySatisfy(kept -> assertThat(kept)
                        .contains("ON_SUCCESS", "/dev/dblock0", "mounted at /mnt/dblock0")
                        .contains("destroy --force dblock0"));
    }

    static class Never {
        @Test
        void succeeds(@DblockDevice(cleanup = CleanupMode.NEVER) BlockDevice disk) {}

        @Nested
        class After {
            @Test
            void later() {
                FakeLab.note("later");
            }
        }
    }

    @Test
    void withNeverTheDeviceIsKeptToTheEndOfTheRun() {
        Run.of(Never.class).expectSuccess();
        assertThat(lab.log).containsExactly("create dblock0", "later", "close dblock0");
    }

    static class StaticOnSuccess {
        @DblockDevice(cleanup = CleanupMode.ON_SUCCESS)
        static BlockDevice disk;

        @ParameterizedTest
        @ValueSource(booleans = {true, false})
        void test(boolean good) {
            assertThat(good).isTrue();
        }
    }

    @Test
    void aFailingInvocationKeepsTheClassesDeviceWithOnSuccess() {
        EngineExecutionResults results = Run.of(StaticOnSuccess.class).execute();
        assertThat(Run.reportEntries(results)).flatExtracting(Map::keySet).contains("junit-dblock.kept");
        assertThat(lab.open).isEmpty();
    }

    static class StaticOnSuccessWithFailingConstructor {
        @DblockDevice(cleanup = CleanupMode.ON_SUCCESS)
        static BlockDevice disk;

        StaticOnSuccessWithFailingConstructor() {
            throw new IllegalStateException("constructor");
        }

        @Test
        void test() {}
    }

    @Test
    void aFailingConstructorKeepsTheClassesDeviceWithOnSuccess() {
        EngineExecutionResults results =
                Run.of(StaticOnSuccessWithFailingConstructor.class).execute();
        assertThat(Run.reportEntries(results)).flatExtracting(Map::keySet).contains("junit-dblock.kept");
    }

    static class StaticOnSuccessWithLeak {
        @DblockDevice(cleanup = CleanupMode.ON_SUCCESS)
        static BlockDevice disk;

        @Test
        void test(@DblockDevice BlockDevice leaking) {
            FakeLab.current().leaking.add(leaking.name());
        }
    }

    @Test
    void aLeakBelowKeepsTheClassesDeviceWithOnSuccess() {
        EngineExecutionResults results = Run.of(StaticOnSuccessWithLeak.class).execute();
        assertThat(Run.reportEntries(results)).flatExtracting(Map::keySet).contains("junit-dblock.kept");
    }

    // ---- handlers ----

    static class BrokenHandler {
        @DblockDevice
        BlockDevice disk;

        @Test
        void test() {
            FakeLab.current()
                    .handlerFailures
                    .put(
                            disk.name(),
                            List.of(
                                    new NullPointerException("one"),
                                    new BlockIOException(Errno.EIO, "on purpose"),
                                    new IllegalStateException("two")));
        }
    }

    @Test
    void whatAHandlerThrewFailsTheTest() {
        Throwable failure = Run.teardown(Run.of(BrokenHandler.class).expectOneFailure());
        assertThat(failure)
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("field disk of TeardownTest.BrokenHandler")
                .hasMessageContaining("java.lang.NullPointerException: one and 1 more")
                .hasCauseInstanceOf(NullPointerException.class);
        assertThat(failure.getSuppressed()[0]).isInstanceOf(IllegalStateException.class);
        assertThat(lab.open).isEmpty();
    }

    static class FailingOnPurpose {
        @DblockDevice
        BlockDevice disk;

        @Test
        void test() {
            FakeLab.current().handlerFailures.put(disk.name(), List.of(new BlockIOException(Errno.EIO, "on purpose")));
        }
    }

    @Test
    void aBlockIOExceptionIsMeantAndFailsNothing() {
        Run.of(FailingOnPurpose.class).expectSuccess();
    }

    static class ExpectedlyBroken {
        @DblockDevice(failOnHandlerException = TriState.FALSE)
        BlockDevice disk;

        @Test
        void test() {
            FakeLab.current().handlerFailures.put(disk.name(), List.of(new NullPointerException("one")));
        }
    }

    @Test
    void whatAHandlerThrewFailsNothingIfDeclaredSo() {
        Run.of(ExpectedlyBroken.class).expectSuccess();
    }

    static class KeptAndBroken {
        @DblockDevice(cleanup = CleanupMode.NEVER)
        BlockDevice disk;

        @Test
        void test() {
            FakeLab.current().handlerFailures.put(disk.name(), List.of(new NullPointerException("one")));
        }
    }

    @Test
    void whatTheHandlerOfAKeptDeviceThrewFailsTheTestToo() {
        EngineExecutionResults results = Run.of(KeptAndBroken.class).execute();
        results.testEvents().assertStatistics(stats -> stats.failed(1));
    }
}
