// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.junit;

import static io.dblock.Filesystem.EXT4;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.DblockException;
import io.dblock.LeakException;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.WriteFlags;
import io.dblock.junit.DblockDevice;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.platform.testkit.engine.EngineExecutionResults;

/** Whatever a test does, its device is gone afterwards, and what it left open fails it and no other. */
class TeardownTest {
    private static AutoCloseable leaked;

    @AfterEach
    void nothingIsLeft() throws Exception {
        if (leaked != null) {
            leaked.close();
            leaked = null;
        }
        Fixture.assertNothingIsLeft();
    }

    @TestMethodOrder(MethodOrderer.OrderAnnotation.class)
    static class LeakingFile {
        @DblockDevice(size = "32MiB", filesystem = EXT4)
        Path mountPoint;

        @Test
        @Order(1)
        void leaks() throws Exception {
            leaked = FileChannel.open(
                    mountPoint.resolve("ledger"), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        }

        @Test
        @Order(2)
        void doesNot() throws Exception {
            Files.writeString(mountPoint.resolve("ledger"), "paid");
            Fixture.NOTES.add("the second test ran, disks: " + Fixture.disks().size());
        }
    }

    @Test
    void anOpenFileFailsItsTestIsNamedAndHarmsNoOther() {
        EngineExecutionResults results = Fixture.engine(LeakingFile.class).execute();
        results.testEvents().assertStatistics(stats -> stats.succeeded(1).failed(1));
        assertThat(Fixture.failures(results))
                .singleElement()
                .extracting(Throwable::getCause)
                .asInstanceOf(org.assertj.core.api.InstanceOfAssertFactories.throwable(LeakException.class))
                .hasMessageContaining("field mountPoint of TeardownTest.LeakingFile")
                .hasMessageContaining("this JVM")
                .hasMessageContaining("ledger");
        assertThat(Fixture.NOTES).containsExactly("the second test ran, disks: 1");
    }

    static class LeakingProcess {
        @Test
        void leaks(@DblockDevice(size = "32MiB", filesystem = EXT4) Path mountPoint) throws Exception {
            Process process = new ProcessBuilder("sleep", "300")
                    .directory(mountPoint.toFile())
                    .start();
            leaked = () -> process.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
            throw new IllegalStateException("the test's own");
        }
    }

    @Test
    void aProcessOnTheFilesystemIsNamedBesidesTheTestsOwnFailure() {
        EngineExecutionResults results = Fixture.engine(LeakingProcess.class).execute();
        assertThat(Fixture.failures(results)).singleElement().satisfies(failure -> {
            assertThat(failure).hasMessage("the test's own");
            assertThat(failure.getSuppressed()).hasSize(2);
            assertThat(failure.getSuppressed()[0]).hasMessageContaining("artifacts:");
            assertThat(failure.getSuppressed()[1].getCause())
                    .isInstanceOf(LeakException.class)
                    .hasMessageContaining("sleep");
        });
    }

    static class LeakingNode {
        @Test
        void leaks(@DblockDevice(size = "1MiB") BlockDevice disk) {
            leaked = disk.openChannel();
        }
    }

    @Test
    void anOpenNodeFailsItsTestAndIsNamed() {
        EngineExecutionResults results = Fixture.engine(LeakingNode.class).execute();
        assertThat(Fixture.failures(results))
                .singleElement()
                .extracting(Throwable::getCause)
                .asInstanceOf(org.assertj.core.api.InstanceOfAssertFactories.throwable(LeakException.class))
                .hasMessageContaining("/dev/dblock");
    }

    static class Failing {
        @DblockDevice(size = "32MiB", filesystem = EXT4)
        BlockDevice disk;

        @Test
        void fails() {
            disk.mount();
            throw new IllegalStateException("the test's own");
        }
    }

    @Test
    void aFailingTestsDeviceIsGone() {
        EngineExecutionResults results = Fixture.engine(Failing.class).execute();
        assertThat(Fixture.failures(results)).singleElement().satisfies(failure -> {
            assertThat(failure).hasMessage("the test's own");
            assertThat(failure.getSuppressed()).singleElement().satisfies(report -> assertThat(report)
                    .hasMessageContaining("artifacts:"));
        });
    }

    static class BadMkfs {
        @DblockDevice(size = "1MiB")
        BlockDevice good;

        @Test
        void test(@DblockDevice(size = "32MiB", filesystem = EXT4, mkfsOptions = "--nonsense") BlockDevice disk) {}
    }

    @Test
    void whatMkfsSaysIsToldAndTheOtherDeviceIsGone() {
        EngineExecutionResults results = Fixture.engine(BadMkfs.class).execute();
        assertThat(Fixture.failures(results))
                .singleElement()
                .asInstanceOf(org.assertj.core.api.InstanceOfAssertFactories.THROWABLE)
                .hasMessageContaining("mkfs.ext4")
                .hasMessageContaining("nonsense");
    }

    @TestMethodOrder(MethodOrderer.OrderAnnotation.class)
    static class Kept {
        @Test
        @Order(1)
        void fails(@DblockDevice(size = "32MiB", filesystem = EXT4, cleanup = CleanupMode.ON_SUCCESS) Path mountPoint)
                throws Exception {
            Files.writeString(mountPoint.resolve("evidence"), mountPoint.toString());
            Fixture.NOTES.add(mountPoint.toString());
            throw new IllegalStateException("the test's own");
        }

        @Test
        @Order(2)
        void looksAtIt() throws Exception {
            Fixture.NOTES.add(Files.readString(Path.of(Fixture.NOTES.get(0), "evidence")));
        }
    }

    @Test
    void theDeviceOfAFailedTestIsKeptForALookUntilTheEndOfTheRun() {
        EngineExecutionResults results = Fixture.engine(Kept.class).execute();
        results.testEvents().assertStatistics(stats -> stats.succeeded(1).failed(1));
        assertThat(Fixture.NOTES).hasSize(2);
        assertThat(Fixture.NOTES.get(1)).isEqualTo(Fixture.NOTES.get(0));
    }

    static final class Broken implements BlockHandler {
        @Override
        public void read(long offset, ByteBuffer dst) {
            if (offset == 8192) {
                throw new NullPointerException("there is a bug");
            }
            dst.position(dst.limit());
        }

        @Override
        public void write(long offset, ByteBuffer src, WriteFlags flags) {}
    }

    static class BrokenHandler {
        @Test
        void test(@DblockDevice(size = "1MiB", handler = Broken.class) FileChannel channel) throws Exception {
            ByteBuffer block = Fixture.block();
            try {
                channel.read(block, 8192);
            } catch (IOException e) {
                Fixture.NOTES.add(e.getMessage());
            }
        }
    }

    @Test
    void anExceptionOfTheHandlerFailsTheTestThatDidNotExpectIt() {
        EngineExecutionResults results = Fixture.engine(BrokenHandler.class).execute();
        assertThat(Fixture.NOTES).singleElement().asString().contains("Input/output error");
        assertThat(Fixture.failures(results))
                .singleElement()
                .extracting(Throwable::getCause)
                .asInstanceOf(org.assertj.core.api.InstanceOfAssertFactories.throwable(DblockException.class))
                .hasMessageContaining("NullPointerException: there is a bug");
    }

    static class Many {
        @DblockDevice(size = "16MiB", filesystem = EXT4)
        Path mountPoint;

        @RepeatedTest(12)
        void test(@DblockDevice(size = "1MiB") FileChannel raw) throws Exception {
            String mine = Thread.currentThread().getName() + " " + System.nanoTime();
            assertThat(mountPoint.resolve("mine")).doesNotExist();
            Files.writeString(mountPoint.resolve("mine"), mine);
            ByteBuffer block = Fixture.block();
            raw.read(block, 0);
            assertThat(block.get(0)).isZero();
            block.put(0, (byte) 1).rewind();
            raw.write(block, 0);
            assertThat(Files.readString(mountPoint.resolve("mine"))).isEqualTo(mine);
            Fixture.NOTES.add(mountPoint.toString());
        }
    }

    @Test
    void parallelTestsHaveTheirOwnDisksAndLeaveNone() {
        Fixture.succeed(
                Fixture.engine(Many.class)
                        .configurationParameter("junit.jupiter.execution.parallel.enabled", "true")
                        .configurationParameter("junit.jupiter.execution.parallel.mode.default", "concurrent")
                        .configurationParameter("junit.jupiter.execution.parallel.config.strategy", "fixed")
                        .configurationParameter("junit.jupiter.execution.parallel.config.fixed.parallelism", "4"),
                12);
        assertThat(List.copyOf(Fixture.NOTES)).hasSize(12);
    }
}
