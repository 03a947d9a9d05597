// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.junit;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.handler.Operation.FLUSH;
import static io.dblock.handler.Operation.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.LeakException;
import io.dblock.Placement;
import io.dblock.fault.Unproven;
import io.dblock.handler.Errno;
import io.dblock.junit.DblockDevice;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.platform.testkit.engine.EngineExecutionResults;
import org.opentest4j.AssertionFailedError;

/** A test that armed or asked for something in vain fails, on its device or on a fork of it. */
class GreenTestsTest {

    @AfterEach
    void nothingIsLeft() throws IOException {
        Fixture.assertNothingIsLeft();
    }

    private static Throwable failureOf(Class<?> testClass) {
        List<Throwable> failures = Fixture.failures(Fixture.engine(testClass).execute());
        assertThat(failures).hasSize(1);
        assertThat(failures.get(0)).isInstanceOf(AssertionFailedError.class);
        return failures.get(0);
    }

    private static void write(BlockDevice device) throws IOException {
        try (FileChannel channel = device.openChannel()) {
            channel.write(Fixture.block(), 0);
        }
    }

    // ---- forks ----

    @TestMethodOrder(MethodOrderer.OrderAnnotation.class)
    static class MountedFork {
        static Path mounted;

        @Test
        @Order(1)
        void forgets(@DblockDevice(size = "16MiB", filesystem = EXT4) BlockDevice disk) {
            BlockDevice fork = disk.fork();
            mounted = fork.fork().mount();
        }

        @Test
        @Order(2)
        void findsNothingOfIt() throws IOException {
            assertThat(Fixture.mounts()).noneMatch(line -> line.contains(mounted.toString()));
            assertThat(Fixture.disks()).isEmpty();
        }
    }

    @Test
    void aForkThatIsStillMountedFailsTheTestThatForgotItAndIsClosed() {
        EngineExecutionResults results = Fixture.engine(MountedFork.class).execute();
        results.testEvents().assertStatistics(stats -> stats.succeeded(1).failed(1));
        Throwable failure = Fixture.failures(results).get(0);
        assertThat(failure).isInstanceOf(AssertionFailedError.class).hasCauseInstanceOf(LeakException.class);
        assertThat(((LeakException) failure.getCause()).holders())
                .singleElement()
                .asString()
                .matches("dblock\\d+, a fork of dblock\\d+, was still mounted at " + MountedFork.mounted);
    }

    static class ForksInUse {
        static FileChannel open;

        @Test
        void forgets(@DblockDevice(size = "16MiB") BlockDevice disk) {
            open = disk.fork().openChannel();
        }
    }

    @Test
    void soDoesOneWhoseNodeIsInUse() throws Exception {
        try {
            assertThat(failureOf(ForksInUse.class))
                    .hasMessageContaining(", a fork of dblock")
                    .hasMessageContaining("was still used: ");
        } finally {
            ForksInUse.open.close();
        }
    }

    static class IdleForks {
        @Test
        void forgets(@DblockDevice(size = "16MiB") BlockDevice disk) {
            BlockDevice fork = disk.snapshot().fork();
            fork.fork().close();
            BlockDevice second = fork.fork();
            fork.close();
            assertThat(second.path()).exists();
        }
    }

    @Test
    void forksAndSnapshotsThatNobodyUsesAreClosedWithTheirDevice() {
        Fixture.succeed(Fixture.engine(IdleForks.class), 1);
    }

    /** Without the extension a device's forks are its user's. */
    @Test
    void aForkOutlivesADeviceOfTheBuilders() throws Exception {
        BlockDevice fork;
        try (BlockDevice disk = BlockDevice.builder().size("16MiB").create()) {
            fork = disk.fork();
        }
        write(fork);
        fork.close();
    }

    @Test
    void forksOfABuildersDeviceCanBeClosedTogether() {
        try (BlockDevice disk = BlockDevice.builder().size("16MiB").create()) {
            BlockDevice fork = disk.fork();
            disk.closeForks();
            assertThat(fork.path()).doesNotExist();
            assertThat(disk.path()).exists();
        }
    }

    // ---- rules ----

    static class RulesOfForks {
        @DblockDevice(size = "16MiB")
        BlockDevice disk;

        @Test
        void armsInVain() throws IOException {
            try (BlockDevice fork = disk.fork()) {
                fork.faults().on(WRITE).sectors(20000, 20007).named("of a fork").fail(Errno.EIO);
                write(fork);
                try (BlockDevice second = fork.fork()) {
                    second.faults().on(FLUSH).named("of a fork's fork").fail(Errno.EIO);
                    second.faults().on(WRITE).named("lenient").lenient().fail(Errno.EIO);
                }
            }
        }
    }

    @Test
    void rulesOfForksCountAsTheDevicesOwn() {
        assertThat(failureOf(RulesOfForks.class))
                .hasMessageContaining(": 2 things have come to nothing")
                .hasMessageContaining("a rule never acted on a request: \"of a fork\": on WRITE, sectors 20000-20007:"
                        + " fail with EIO, armed at " + RulesOfForks.class.getName()
                        + ".armsInVain(GreenTestsTest.java:")
                .hasMessageContaining("). No WRITE was for sectors 20000-20007.")
                .hasMessageContaining("\"of a fork's fork\"")
                .hasMessageNotContaining("lenient\"");
    }

    static class WithoutAction {
        @DblockDevice(size = "16MiB")
        BlockDevice disk;

        @Test
        @SuppressWarnings("CheckReturnValue") // That is what the test is about.
        void armsNothing() {
            disk.faults().on(WRITE).times(1);
            try (BlockDevice fork = disk.fork()) {
                fork.faults().onAny();
            }
        }
    }

    @Test
    void aRuleWithoutAnActionFailsTheTest() {
        assertThat(failureOf(WithoutAction.class))
                .hasMessageContaining("a rule got no action, so it was not armed: on WRITE, at most 1 time, begun at "
                        + WithoutAction.class.getName() + ".armsNothing(GreenTestsTest.java:")
                .hasMessageContaining("a fork of dblock")
                .hasMessageContaining("on any, begun at ");
    }

    @ParameterizedTest
    @EnumSource(
            value = Placement.class,
            names = {"SERVER_PROCESS", "TEST_JVM"})
    void whyARuleNeverActedIsToldWhereverTheDeviceIsServed(Placement placement) throws IOException {
        BlockDevice closed;
        try (BlockDevice disk =
                BlockDevice.builder().size("16MiB").placement(placement).create()) {
            closed = disk;
            disk.faults().on(WRITE).matching(request -> request.length() == 3).fail(Errno.EIO);
            write(disk);
            assertThat(disk.unproven()).singleElement().satisfies(one -> assertThat(one.text())
                    .contains(": fail with EIO, armed at " + GreenTestsTest.class.getName())
                    .endsWith("). Its predicate was asked 1 time and was never true."));
        }
        assertThat(closed.unproven()).extracting(Unproven::kind).containsExactly(Unproven.Kind.RULE_NEVER_ACTED);
    }

    // ---- power cuts ----

    static class NothingToLose {
        @Test
        void cuts(@DblockDevice(size = "16MiB") BlockDevice disk) throws IOException {
            try (FileChannel channel = disk.openChannel()) {
                channel.write(ByteBuffer.allocate(4096), 0);
                channel.force(true);
            }
            disk.snapshot(Survivors.prefix(1)).close();
            Fixture.NOTES.add(disk.powerCut(Survivors.random(42)).toString());
        }
    }

    @Test
    void aCutThatHadNothingToChooseFromFailsTheTest() {
        assertThat(failureOf(NothingToLose.class))
                .hasMessageContaining("2 power cuts (or snapshots of one) were to choose survivors (the last: random,"
                        + " each with probability 0.500, seed 42), and nothing was ever unflushed.");
        assertThat(Fixture.NOTES).singleElement().asString().endsWith("nothing was unflushed, so the cut lost nothing");
    }

    static class SomethingToLose {
        @Test
        void isEnoughOnce(@DblockDevice(size = "16MiB") BlockDevice disk) throws IOException {
            disk.snapshot(Survivors.prefix(1)).close();
            try (BlockDevice fork = disk.fork()) {
                write(fork);
                fork.powerCut(Survivors.random(42));
            }
        }

        @Test
        void isNotMeant(@DblockDevice(size = "16MiB") BlockDevice disk) {
            disk.snapshot(Survivors.random().lenient()).close();
            disk.powerCut(Survivors.ALL);
            disk.restorePower();
            disk.powerCut();
        }
    }

    @Test
    void oneCutOfTheDeviceOrAForkThatHadIsEnoughAndNoneAndAllChooseNothing() {
        Fixture.succeed(Fixture.engine(SomethingToLose.class), 2);
    }
}
