// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.internal.device.WaitingDevices;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Tests of devices that an extension needs before the one that makes them has had its turn. */
class EarlyDevicesTest {
    private final FakeLab lab = FakeLab.fresh();

    /** Starts something on the devices as the extension of Testcontainers does: at once, and stopped by the store. */
    static final class Starter implements BeforeAllCallback, BeforeEachCallback {
        private static final Namespace NAMESPACE = Namespace.create(Starter.class);

        @Override
        public void beforeAll(ExtensionContext context) {
            start("class", context);
        }

        @Override
        public void beforeEach(ExtensionContext context) {
            start("test", context);
        }

        private static void start(String what, ExtensionContext context) {
            // The value's place is taken before it is computed.
            ContextStores.computeIfAbsent(
                    context.getStore(NAMESPACE),
                    context.getUniqueId(),
                    key -> {
                        List<RuntimeException> failures = WaitingDevices.make();
                        failures.forEach(failure -> FakeLab.note("failure: " + failure.getMessage()));
                        FakeLab.note("start " + what);
                        return (AutoCloseable) () -> FakeLab.note("stop " + what);
                    },
                    AutoCloseable.class);
        }
    }

    @ExtendWith(Starter.class)
    static class Fields {
        @DblockDevice
        static BlockDevice ofClass;

        @DblockDevice
        BlockDevice ofTest;

        @Test
        void both() {
            FakeLab.note("test " + ofClass.name() + " " + ofTest.name());
        }
    }

    @Test
    void theyAreMadeBeforeWhatNeedsThemStartsAndTornDownAfterItHasStopped() {
        Run.of(Fields.class).expectSuccess();
        assertThat(lab.log)
                .containsExactly(
                        "create dblock0",
                        "start class",
                        "create dblock1",
                        "start test",
                        "test dblock0 dblock1",
                        "stop test",
                        "close dblock1",
                        "stop class",
                        "close dblock0");
    }

    @TestInstance(TestInstance.Lifecycle.PER_CLASS)
    static class PerClass extends Fields {}

    @Test
    void theyAreMadeForOneInstanceOfAllTests() {
        Run.of(PerClass.class).expectSuccess();
        assertThat(lab.log).containsSubsequence("create dblock1", "start test", "stop test", "close dblock1");
    }

    @ExtendWith(Starter.class)
    static class Outer {
        @DblockDevice
        BlockDevice outer;

        @Nested
        class Inner {
            @DblockDevice
            BlockDevice inner;

            @RepeatedTest(2)
            void repeated() {
                FakeLab.note("test " + outer.name() + " " + inner.name());
            }
        }
    }

    @Test
    void theyAreMadeForEachRepetitionInNestedClasses() {
        Run.of(Outer.class).expectSuccess();
        assertThat(lab.log)
                .containsSubsequence(
                        "create dblock0",
                        "create dblock1",
                        "start test",
                        "test dblock0 dblock1",
                        "stop test",
                        "close dblock1",
                        "close dblock0",
                        "create dblock2",
                        "create dblock3",
                        "start test",
                        "test dblock2 dblock3",
                        "stop test");
        assertThat(lab.open).isEmpty();
    }

    @Test
    void theyAreReportedOnce() {
        assertThat(Run.reportEntries(Run.of(Fields.class).expectSuccess()))
                .filteredOn(entry -> entry.containsKey("junit-dblock.device"))
                .hasSize(2);
    }

    @Test
    void whyOneCouldNotBeMadeIsToldToWhatNeedsItAndFailsTheTest() {
        lab.failingCreation = 1;
        Throwable failure = Run.of(Fields.class).expectOneFailure();
        assertThat(failure)
                .isInstanceOf(ExtensionConfigurationException.class)
                .hasMessageContaining("field ofTest")
                .hasMessageContaining("mkfs.ext4 is missing");
        assertThat(lab.log)
                .filteredOn(line -> line.startsWith("failure: "))
                .singleElement()
                .asString()
                .contains("mkfs.ext4 is missing");
        assertThat(lab.open).isEmpty();
    }

    @Test
    void aLeakOfOneThatWasMadeEarlyFailsItsTest() {
        lab.leaking.add("dblock1");
        assertThat(Run.of(Fields.class).expectOneFailure()).hasMessageContaining("dblock1 was still in use");
    }

    static class Late {
        @DblockDevice
        BlockDevice disk;

        @BeforeEach
        void nothingWaits() {
            FakeLab.note("waiting: " + WaitingDevices.make().size());
        }

        @Test
        void test() {
            FakeLab.note("test " + disk.name());
        }
    }

    @Test
    void thoseThatNobodyNeedsEarlyAreMadeInTheirTurn() {
        Run.of(Late.class).expectSuccess();
        assertThat(lab.log).containsExactly("create dblock0", "waiting: 0", "test dblock0", "close dblock0");
    }

    @Test
    void theyAreMadeInTheirTurnIfConditionsAreTurnedOff() {
        Run.of(Late.class).with("junit.jupiter.conditions.deactivate", "*").expectSuccess();
        assertThat(lab.log).containsExactly("create dblock0", "waiting: 0", "test dblock0", "close dblock0");
    }

    /** Has the devices made by another thread, as Testcontainers does for dependencies of a container. */
    static final class OtherThread implements BeforeEachCallback {
        @Override
        public void beforeEach(ExtensionContext context) {
            CompletableFuture.runAsync(WaitingDevices::make)
                    .orTimeout(60, TimeUnit.SECONDS)
                    .join();
        }
    }

    @ExtendWith(OtherThread.class)
    @Execution(ExecutionMode.CONCURRENT)
    static class Concurrent {
        @DblockDevice
        BlockDevice disk;

        @RepeatedTest(50)
        void hasOneOfItsOwn() {
            FakeLab.note("test " + disk.name());
        }
    }

    @Test
    void testsThatRunAtTheSameTimeHaveOneEach() {
        Run.of(Concurrent.class)
                .with("junit.jupiter.execution.parallel.enabled", "true")
                .with("junit.jupiter.execution.parallel.config.strategy", "fixed")
                .with("junit.jupiter.execution.parallel.config.fixed.parallelism", "8")
                .expectSuccess();
        assertThat(lab.log)
                .filteredOn(line -> line.startsWith("test "))
                .hasSize(50)
                .doesNotHaveDuplicates();
        assertThat(lab.log).filteredOn(line -> line.startsWith("create ")).hasSize(50);
        assertThat(lab.open).isEmpty();
    }
}
