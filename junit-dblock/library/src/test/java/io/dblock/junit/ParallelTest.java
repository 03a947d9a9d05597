// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.TestInstance.Lifecycle.PER_CLASS;

import io.dblock.BlockDevice;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.platform.testkit.engine.EngineExecutionResults;

/** Tests that concurrent tests do not see each other's devices. */
class ParallelTest {
    private static final int THREADS = 8;

    private final FakeLab lab = FakeLab.fresh();

    /** The devices in use now. No two tests may use the same device. */
    private static final Set<String> IN_USE = ConcurrentHashMap.newKeySet();

    private static Run parallel(Class<?>... classes) {
        IN_USE.clear();
        return Run.of(classes)
                .with("junit.jupiter.execution.parallel.enabled", "true")
                .with("junit.jupiter.execution.parallel.mode.default", "concurrent")
                .with("junit.jupiter.execution.parallel.mode.classes.default", "concurrent")
                .with("junit.jupiter.execution.parallel.config.strategy", "fixed")
                .with("junit.jupiter.execution.parallel.config.fixed.parallelism", Integer.toString(THREADS));
    }

    /** Uses the devices for a moment, and checks that no other test does. */
    private static void use(BlockDevice... devices) throws InterruptedException {
        for (BlockDevice device : devices) {
            assertThat(FakeLab.current().open).contains(device.name());
            assertThat(IN_USE.add(device.name()))
                    .as("%s is used by this test alone", device.name())
                    .isTrue();
        }
        Thread.sleep(2);
        for (BlockDevice device : devices) {
            assertThat(IN_USE.remove(device.name())).isTrue();
            assertThat(FakeLab.current().open).contains(device.name());
        }
    }

    static class Many {
        @DblockDevice
        static BlockDevice shared;

        @DblockDevice
        BlockDevice field;

        @RegisterExtension
        DblockExtension registered = DblockExtension.builder().build();

        BlockDevice ofBeforeEach;

        @BeforeEach
        void beforeEach(@DblockDevice BlockDevice device) {
            ofBeforeEach = device;
        }

        @RepeatedTest(50)
        void test(@DblockDevice BlockDevice parameter) throws Exception {
            assertThat(FakeLab.current().open).contains(shared.name());
            use(field, registered.device(), ofBeforeEach, parameter);
        }

        @Nested
        class Inner {
            @DblockDevice
            BlockDevice inner;

            @RepeatedTest(50)
            void test() throws Exception {
                use(field, registered.device(), ofBeforeEach, inner);
            }
        }
    }

    static class Others extends Many2 {}

    static class Many2 {
        @RegisterExtension
        static final DblockExtension SHARED = DblockExtension.builder().build();

        @RepeatedTest(25)
        void test(@DblockDevice BlockDevice parameter) throws Exception {
            FakeLab.note(getClass().getSimpleName() + " " + SHARED.device().name());
            use(parameter);
        }
    }

    @Test
    void hundredsOfConcurrentTestsShareNoDeviceAndLeaveNone() {
        parallel(Many.class, Many2.class, Others.class)
                .expectSuccess()
                .testEvents()
                .assertStatistics(stats -> stats.succeeded(150));
        assertThat(lab.open).isEmpty();
        // One for each of the three classes; four for each of the hundred tests in Many; one for the others' fifty.
        assertThat(lab.built).hasSize(3 + 4 * 100 + 50);
        assertThat(new HashSet<>(lab.log).stream().filter(entry -> entry.startsWith("Many2 ")))
                .hasSize(1);
        assertThat(new HashSet<>(lab.log).stream().filter(entry -> entry.startsWith("Others ")))
                .hasSize(1);
    }

    @TestInstance(PER_CLASS)
    @Execution(ExecutionMode.CONCURRENT)
    static class SharedInstance {
        static CyclicBarrier together;

        @DblockDevice
        BlockDevice disk;

        @Test
        void one() throws Exception {
            meet();
        }

        @Test
        void other() throws Exception {
            meet();
        }

        private static void meet() throws Exception {
            try {
                together.await(2, TimeUnit.SECONDS);
            } catch (TimeoutException | java.util.concurrent.BrokenBarrierException e) {
                FakeLab.note("alone");
            }
        }
    }

    @Test
    void concurrentTestsOfOneInstanceAreRefusedASharedField() {
        SharedInstance.together = new CyclicBarrier(2);
        EngineExecutionResults results = parallel(SharedInstance.class).execute();
        results.testEvents().assertStatistics(stats -> stats.succeeded(1).failed(1));
        assertThat(Run.failures(results))
                .singleElement()
                .asInstanceOf(
                        org.assertj.core.api.InstanceOfAssertFactories.throwable(ExtensionConfigurationException.class))
                .hasMessageContaining("field disk of ParallelTest.SharedInstance")
                .hasMessageContaining("still running")
                .hasMessageContaining("use a parameter of the test method");
        assertThat(lab.log).contains("alone");
        assertThat(lab.open).isEmpty();
    }

    static class SharedStatic {
        static CyclicBarrier together;

        @DblockDevice
        static BlockDevice disk;

        @Test
        void test() throws Exception {
            SharedInstance.meet();
        }
    }

    static class OneClass extends SharedStatic {}

    static class OtherClass extends SharedStatic {}

    @Test
    void concurrentClassesAreRefusedASharedStaticField() {
        SharedInstance.together = new CyclicBarrier(2);
        EngineExecutionResults results =
                parallel(OneClass.class, OtherClass.class).execute();
        results.testEvents().assertStatistics(stats -> stats.succeeded(1));
        assertThat(Run.failures(results))
                .singleElement()
                .asInstanceOf(
                        org.assertj.core.api.InstanceOfAssertFactories.throwable(ExtensionConfigurationException.class))
                .hasMessageContaining("field disk of ParallelTest.SharedStatic")
                .hasMessageContaining("declare it in each class");
        assertThat(lab.open).isEmpty();
    }

    @TestInstance(PER_CLASS)
    @Execution(ExecutionMode.CONCURRENT)
    static class RegisteredInSharedInstance {
        @RegisterExtension
        DblockExtension disk = DblockExtension.builder().build();

        @RepeatedTest(50)
        void test() throws Exception {
            use(disk.device());
        }
    }

    @Test
    void concurrentTestsOfOneInstanceGetTheirOwnFromARegisteredExtension() {
        parallel(RegisteredInSharedInstance.class).expectSuccess();
        assertThat(lab.built).hasSize(50);
        assertThat(lab.open).isEmpty();
    }

    static class SomeLeak {
        @RepeatedTest(40)
        void test(@DblockDevice BlockDevice disk) {
            if (disk.name().endsWith("7")) {
                FakeLab.current().leaking.add(disk.name());
                FakeLab.note("leak " + disk.name());
            }
        }
    }

    @Test
    void aLeakFailsItsOwnTestAmongMany() {
        EngineExecutionResults results = parallel(SomeLeak.class).execute();
        List<String> leaks =
                lab.log.stream().filter(entry -> entry.startsWith("leak ")).toList();
        assertThat(leaks).hasSize(4);
        results.testEvents().assertStatistics(stats -> stats.failed(4).succeeded(36));
        assertThat(Run.failures(results)).map(Run::teardown).hasOnlyElementsOfType(io.dblock.LeakException.class);
        assertThat(lab.open).isEmpty();
    }
}
