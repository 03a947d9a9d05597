// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.fault.Action;
import io.dblock.fault.FaultRule;
import io.dblock.fault.Match;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.internal.fault.UnitDisk;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.junit.platform.testkit.engine.EngineExecutionResults;
import org.opentest4j.AssertionFailedError;

/** Tests of rules in annotations, and of rules that never act. */
class FaultTest {
    private final FakeLab lab = FakeLab.fresh();

    // ---- arming ----

    static class OnField {
        @DblockDevice
        @DblockFault(on = Operation.WRITE, sectors = "8-15", errno = Errno.ENOSPC, times = 1)
        BlockDevice disk;

        @Test
        void test() {
            UnitDisk unit = FakeLab.disk(disk);
            assertThat(unit.write(0, 8, 1)).isNull();
            assertThat(unit.write(0, 16, 1)).isEqualTo(Errno.ENOSPC);
            assertThat(unit.write(0, 16, 1)).isNull();
        }
    }

    @Test
    void isArmedOnTheDeviceOfAField() {
        Run.of(OnField.class).expectSuccess();
    }

    static class OnParameter {
        @Test
        void test(
                @DblockDevice @DblockFault(on = Operation.READ, errno = Errno.EILSEQ) @DblockFault(on = Operation.FLUSH)
                        BlockDevice disk,
                @DblockDevice BlockDevice other) {
            assertThat(FakeLab.disk(disk).read(0, 1)).isEqualTo(Errno.EILSEQ);
            assertThat(FakeLab.disk(disk).flush()).isEqualTo(Errno.EIO);
            assertThat(other.faults().list()).isEmpty();
        }
    }

    @Test
    void severalOnAParameterAreArmedInOrderAndOnItsDeviceOnly() {
        Run.of(OnParameter.class).expectSuccess();
    }

    @DblockDevice
    @DblockFault(on = Operation.DISCARD)
    @DblockFault(on = Operation.FLUSH, lenient = true)
    @Retention(RetentionPolicy.RUNTIME)
    @interface BrokenDisk {}

    static class Composed {
        @BrokenDisk
        BlockDevice disk;

        @Test
        void test(@BrokenDisk BlockDevice parameter) {
            assertThat(FakeLab.disk(disk).discard(0, 1)).isEqualTo(Errno.EIO);
            assertThat(FakeLab.disk(parameter).discard(0, 1)).isEqualTo(Errno.EIO);
        }
    }

    @Test
    void goesWithAComposedAnnotation() {
        Run.of(Composed.class).expectSuccess();
    }

    static class Everything {
        static FaultRule rule;

        @Test
        void test(
                @DblockDevice
                        @DblockFault(
                                on = {Operation.WRITE, Operation.READ},
                                bytes = "4KiB+512",
                                file = "wal/*.log",
                                flags = {RequestFlag.FUA, RequestFlag.META},
                                errno = Errno.EBADE,
                                after = 3,
                                times = 2,
                                probability = 0.5,
                                sinceMark = "a",
                                untilMark = "b",
                                name = "all of it",
                                lenient = true)
                        BlockDevice disk) {
            rule = disk.faults().find("all of it").orElseThrow().rule();
        }
    }

    @Test
    void everyAttributeReachesTheRule() {
        Run.of(Everything.class).expectSuccess();
        Match match = Match.on(Operation.WRITE, Operation.READ)
                .withRange(new Match.Range(4096, 512))
                .withFile("wal/*.log")
                .withFlags(Set.of(RequestFlag.FUA, RequestFlag.META))
                .withAfter(3)
                .withTimes(2)
                .withProbability(0.5)
                .withSinceMark("a")
                .withUntilMark("b");
        assertThat(Everything.rule)
                .isEqualTo(new FaultRule("all of it", match, new Action.Fail(Errno.EBADE), true, false, false));
    }

    static class LeftOut {
        static FaultRule rule;
        static FaultRule one;

        @Test
        void test(
                @DblockDevice @DblockFault(lenient = true) @DblockFault(sectors = " 8 ", lenient = true)
                        BlockDevice disk) {
            rule = disk.faults().list().get(0).rule();
            one = disk.faults().list().get(1).rule();
        }
    }

    @Test
    void whatIsLeftOutDoesNotLimitIt() {
        Run.of(LeftOut.class).expectSuccess();
        assertThat(LeftOut.rule.match()).isEqualTo(Match.any());
        assertThat(LeftOut.rule.action()).isEqualTo(new Action.Fail(Errno.EIO));
        assertThat(LeftOut.one.match().range()).isEqualTo(Optional.of(new Match.Range(4096, 512)));
    }

    static class OnMountPoint {
        @DblockDevice(filesystem = Filesystem.EXT4)
        @DblockFault(lenient = true)
        Path directory;

        @Test
        void test() {
            FakeLab.note("rules "
                    + FakeLab.current().disks.get("dblock0").faults().list().size());
        }
    }

    @Test
    void isArmedWhenTheFilesystemIsMounted() {
        Run.of(OnMountPoint.class).expectSuccess();
        assertThat(lab.log).containsExactly("create dblock0", "mount dblock0", "rules 1", "close dblock0");
    }

    static class Registered {
        @RegisterExtension
        DblockExtension disk = DblockExtension.builder()
                .faults(new FaultRule(Match.on(Operation.READ), new Action.Fail(Errno.EIO)))
                .faults(new FaultRule(Match.on(Operation.FLUSH), new Action.Fail(Errno.EIO)))
                .build();

        @Test
        void test() {
            assertThat(FakeLab.disk(disk.device()).read(0, 1)).isEqualTo(Errno.EIO);
            assertThat(FakeLab.disk(disk.device()).flush()).isEqualTo(Errno.EIO);
        }
    }

    @Test
    void aRegisteredExtensionTakesRules() {
        Run.of(Registered.class).expectSuccess();
    }

    // ---- misuse ----

    static class BadSectors {
        @Test
        void test(@DblockDevice @DblockFault(name = "bad", sectors = "8..15") BlockDevice disk) {}
    }

    static class BadBytes {
        @DblockDevice
        @DblockFault(bytes = "4KiB")
        BlockDevice disk;

        @Test
        void test() {}
    }

    static class BadErrno {
        @DblockDevice
        @DblockFault(errno = Errno.EPERM)
        BlockDevice disk;

        @Test
        void test() {}
    }

    static class SectorsAndBytes {
        @DblockDevice
        @DblockFault(sectors = "8", bytes = "0+512")
        BlockDevice disk;

        @Test
        void test() {}
    }

    static class OutsideTheDevice {
        @DblockDevice(size = "1MiB")
        @DblockFault(sectors = "2048")
        BlockDevice disk;

        @Test
        void test() {}
    }

    @Test
    void aBadValueIsAnErrorThatNamesIt() {
        assertThat(Run.of(BadSectors.class).expectOneFailure())
                .hasMessageContaining("@DblockDevice parameter arg0 of FaultTest.BadSectors.test(BlockDevice): ")
                .hasMessageContaining(
                        "@DblockFault \"bad\": sectors is \"8..15\". Allowed: the first and the last sector,");
        assertThat(Run.of(BadBytes.class).expectOneFailure())
                .hasMessageContaining(
                        "field disk of FaultTest.BadBytes: @DblockFault: bytes is \"4KiB\". Allowed: an offset and a length,");
        assertThat(Run.of(BadErrno.class).expectOneFailure()).hasMessageContaining("EPERM");
        assertThat(Run.of(SectorsAndBytes.class).expectOneFailure())
                .hasMessageContaining("sectors is \"8\" and bytes is \"0+512\". Allowed: one of them.");
        assertThat(Run.of(OutsideTheDevice.class).expectOneFailure())
                .hasMessageContaining("field disk of FaultTest.OutsideTheDevice")
                .hasMessageContaining("2048");
    }

    static class NoDevice {
        @DblockFault(lenient = true)
        BlockDevice disk;

        @Test
        void test() {}
    }

    @Test
    void aFaultWithoutADeviceIsAnError() {
        assertThat(Run.of(NoDevice.class).expectOneFailure())
                .hasMessageContaining(
                        "field disk of FaultTest.NoDevice, which has no @DblockDevice: there is no device to arm it on.");
    }

    // ---- rules that never act ----

    static class Unused {
        @DblockDevice
        @DblockFault(name = "never", on = Operation.WRITE, sectors = "8-15")
        BlockDevice disk;

        @Test
        void test() {
            FakeLab.disk(disk).write(0, 8, 1);
        }
    }

    @Test
    void aRuleThatNeverActedFailsTheTestWithItsDescription() {
        Throwable failure = Run.of(Unused.class).expectOneFailure();
        assertThat(failure)
                .isInstanceOf(AssertionFailedError.class)
                .hasMessageStartingWith("@DblockDevice field disk of FaultTest.Unused: dblock0: a rule never acted on a"
                        + " request: \"never\": on WRITE, sectors 8-15: fail with EIO. No WRITE was for sectors 8-15.\n"
                        + "Make a request that the rule acts on before the test ends, or make the rule lenient().\n")
                .hasMessageContaining("The last entries of the device's journal:\n#1 ");
        assertThat(lab.log).containsExactly("create dblock0", "close dblock0");
    }

    static class ArmedByCode {
        @Test
        void test(@DblockDevice BlockDevice disk) {
            disk.faults().on(Operation.FLUSH).named("removed").fail(Errno.EIO).close();
            disk.faults().on(Operation.FLUSH).named("not removed").fail(Errno.EIO);
            disk.faults().on(Operation.FLUSH).named("lenient").lenient().fail(Errno.EIO);
        }
    }

    @Test
    void soDoRulesThatTheTestArmedItselfAndHasRemoved() {
        assertThat(Run.of(ArmedByCode.class).expectOneFailure())
                .hasMessageContaining(": 2 things have come to nothing that the test armed or asked for:\n")
                .hasMessageContaining("\"removed\"")
                .hasMessageContaining("\"not removed\"")
                .hasMessageContaining("armed at io.dblock.junit.FaultTest$ArmedByCode.test(FaultTest.java:")
                .hasMessageNotContaining("\"lenient\"")
                .hasMessageEndingWith("The device has had no request.");
    }

    static class WithoutAction {
        @Test
        @SuppressWarnings("CheckReturnValue") // The test is about a rule without an action.
        void test(@DblockDevice BlockDevice disk) {
            disk.faults().on(Operation.WRITE).times(1);
        }
    }

    @Test
    void aRuleWithoutAnActionFailsTheTestThatBeganIt() {
        assertThat(Run.of(WithoutAction.class).expectOneFailure())
                .isInstanceOf(AssertionFailedError.class)
                .hasMessageContaining(
                        "on WRITE, at most 1 time, begun at io.dblock.junit.FaultTest$WithoutAction.test(")
                .hasMessageContaining("(FaultTest.java:")
                .hasMessageContaining("Give the rule an action");
    }

    static class Cleared {
        @Test
        void test(@DblockDevice BlockDevice disk) {
            disk.faults().on(Operation.FLUSH).named("cleared").fail(Errno.EIO);
            disk.faults().clear();
            FakeLab.disk(disk).flush();
        }
    }

    @Test
    void soDoesOneThatWasClearedBeforeItActed() {
        assertThat(Run.of(Cleared.class).expectOneFailure()).hasMessageContaining("\"cleared\"");
    }

    static class HeldToTheEnd {
        @Test
        void test(@DblockDevice BlockDevice disk) throws Exception {
            var held = disk.faults().on(Operation.FLUSH).named("holding").hold();
            new Thread(() -> FakeLab.disk(disk).flush()).start();
            held.awaitHit(java.time.Duration.ofSeconds(30));
        }
    }

    @Test
    void whatARuleHoldsAtTheEndIsReported() {
        assertThat(Run.reportEntries(Run.of(HeldToTheEnd.class).expectSuccess()))
                .filteredOn(entry -> entry.containsKey("junit-dblock.held"))
                .singleElement()
                .extracting(entry -> entry.get("junit-dblock.held"))
                .asString()
                .startsWith("\"holding\": on FLUSH: hold: ")
                .endsWith(", which nobody has released");
    }

    static class UnusedAndFailing {
        @Test
        void test(@DblockDevice @DblockFault BlockDevice disk) {
            throw new IllegalStateException("the test's own");
        }
    }

    @Test
    void toAFailureItIsAdded() {
        Throwable failure = Run.of(UnusedAndFailing.class).expectOneFailure();
        assertThat(failure).hasMessage("the test's own");
        assertThat(failure.getSuppressed())
                .anySatisfy(suppressed -> assertThat(suppressed).isInstanceOf(AssertionFailedError.class));
    }

    static class UnusedAndAborted {
        @Test
        void test(@DblockDevice @DblockFault BlockDevice disk) {
            assumeTrue(false);
        }
    }

    @Test
    void anAbortedTestIsNotFailedByIt() {
        EngineExecutionResults results = Run.of(UnusedAndAborted.class).execute();
        results.testEvents().assertStatistics(stats -> stats.aborted(1).failed(0));
    }

    static class UnusedAndLeaking {
        @Test
        void test(@DblockDevice @DblockFault BlockDevice disk) {
            FakeLab.current().leaking.add(disk.name());
        }
    }

    @Test
    void aLeakIsToldBesideIt() {
        Throwable failure = Run.of(UnusedAndLeaking.class).expectOneFailure();
        assertThat(failure).isInstanceOf(AssertionFailedError.class);
        assertThat(failure.getSuppressed()[0]).isInstanceOf(DeviceReport.class).hasMessageContaining("seed: 4711");
        assertThat(failure.getSuppressed()[1]).hasMessageContaining("dblock0 was still in use");
    }

    static class UnusedAndKept {
        @Test
        void test(@DblockDevice(cleanup = CleanupMode.ON_SUCCESS) @DblockFault BlockDevice disk) {}
    }

    @Test
    void aTestThatFailsByItKeepsItsDeviceIfAskedTo() {
        EngineExecutionResults results = Run.of(UnusedAndKept.class).execute();
        assertThat(Run.failures(results)).hasSize(1);
        assertThat(Run.reportEntries(results)).anyMatch(entry -> entry.containsKey("junit-dblock.kept"));
    }

    static class OfTheClass {
        @DblockDevice
        @DblockFault(on = Operation.READ)
        static BlockDevice disk;

        @BeforeAll
        static void before() {
            FakeLab.disk(disk).write(0, 8, 1);
        }

        @Test
        void one() {}

        @Test
        void other() {
            if (FakeLab.current().leaking.contains("read")) {
                FakeLab.disk(disk).read(0, 8);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void ofAStaticDeviceOneTestThatHasItActIsEnough(boolean acts) {
        if (acts) {
            lab.leaking.add("read");
        }
        EngineExecutionResults results = Run.of(OfTheClass.class).execute();
        results.testEvents().assertStatistics(stats -> stats.succeeded(2));
        assertThat(Run.failures(results)).hasSize(acts ? 0 : 1);
    }

    @Test
    void reportsTheRulesOfAFailedTest() {
        assertThat(Run.reportEntries(Run.of(Unused.class).execute()))
                .filteredOn(entry -> entry.containsKey("junit-dblock.faults"))
                .singleElement()
                .extracting(Map::entrySet)
                .asString()
                .contains("\"never\": on WRITE, sectors 8-15: fail with EIO: 0 hits");
    }
}
