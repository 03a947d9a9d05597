// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.ModuleUnavailableException;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ParameterResolutionException;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.platform.testkit.engine.EngineExecutionResults;

/** Tests that a test without a kernel module fails, and is skipped only on request. */
class UnavailableTest {
    private final FakeLab lab = FakeLab.fresh();

    UnavailableTest() {
        lab.unavailable = "No headers. To mend it: apt-get install linux-headers-6.12";
    }

    static class Field {
        @DblockDevice
        BlockDevice disk;

        @Test
        void test() {}
    }

    static class Parameter {
        @Test
        void test(@DblockDevice BlockDevice disk) {}

        @Test
        void withoutDevice() {}
    }

    static class Static {
        @DblockDevice
        static BlockDevice disk;

        @Test
        void test() {}
    }

    static class Constructor {
        Constructor(@DblockDevice BlockDevice disk) {}

        @Test
        void test() {}
    }

    static class Lifecycle {
        @BeforeAll
        static void beforeAll(@DblockDevice BlockDevice disk) {}

        @Test
        void test() {}
    }

    static class Registered {
        @RegisterExtension
        static final DblockExtension DISK = DblockExtension.builder().build();

        @Test
        void test() {}
    }

    @Test
    void aFieldsTestFailsWithTheReason() {
        assertThat(Run.of(Field.class).expectOneFailure())
                .isInstanceOf(ModuleUnavailableException.class)
                .hasMessageContaining("apt-get install");
    }

    @Test
    void aParametersTestFailsWithTheReason() {
        assertThat(Run.of(Parameter.class).expectOneFailure())
                .isInstanceOf(ParameterResolutionException.class)
                .hasCauseInstanceOf(ModuleUnavailableException.class)
                .hasMessageContaining("apt-get install");
    }

    @Test
    void byParameterAllThatNeedADeviceIsSkipped() {
        EngineExecutionResults results = Run.of(
                        Field.class,
                        Parameter.class,
                        Static.class,
                        Constructor.class,
                        Lifecycle.class,
                        Registered.class)
                .with(DblockParameters.UNAVAILABLE, "skip")
                .execute();
        assertThat(Run.failures(results)).isEmpty();
        results.testEvents().assertStatistics(stats -> stats.succeeded(1).skipped(1));
        results.containerEvents().assertStatistics(stats -> stats.skipped(4).aborted(1));
        results.allEvents().skipped().assertThatEvents().allSatisfy(event -> assertThat(
                        event.getRequiredPayload(String.class))
                .contains("No block device can be made here", "apt-get install"));
    }

    @Test
    void whetherItIsPossibleIsFoundOutOnce() {
        Run.of(Field.class, Static.class)
                .with(DblockParameters.UNAVAILABLE, "skip")
                .execute();
        assertThat(lab.log).containsExactly("probe");
    }

    static class SkippingField {
        @DblockDevice(unavailable = WhenUnavailable.SKIP)
        BlockDevice disk;

        @Test
        void test() {}
    }

    @Test
    void aTestMayAskForItself() {
        EngineExecutionResults results = Run.of(SkippingField.class).execute();
        assertThat(Run.failures(results)).isEmpty();
        results.containerEvents().assertStatistics(stats -> stats.skipped(1));
    }

    static class FailingField {
        @DblockDevice(unavailable = WhenUnavailable.FAIL)
        BlockDevice disk;

        @Test
        void test() {}
    }

    @Test
    void whatATestSaysItselfWins() {
        assertThat(Run.of(FailingField.class)
                        .with(DblockParameters.UNAVAILABLE, "skip")
                        .expectOneFailure())
                .isInstanceOf(ModuleUnavailableException.class);
    }

    @Test
    void skippingOnRequestDoesNotSkipWhatIsPossible() {
        lab.unavailable = null;
        Run.of(Field.class, Parameter.class, Static.class, Constructor.class, Lifecycle.class, Registered.class)
                .with(DblockParameters.UNAVAILABLE, "skip")
                .expectSuccess()
                .testEvents()
                .assertStatistics(stats -> stats.succeeded(7));
    }
}
