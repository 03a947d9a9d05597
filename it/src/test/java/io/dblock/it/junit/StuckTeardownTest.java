// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.junit;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.handler.Operation.FLUSH;
import static io.dblock.handler.Operation.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.fault.Fault;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.WriteFlags;
import io.dblock.junit.DblockDevice;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.platform.testkit.engine.EngineExecutionResults;

/**
 * A disk that does not answer does not keep its test from ending, nor the next one from having a clean machine. Every request
 * here would be waited for for an hour, which is the devices' own limit.
 */
@Timeout(value = 15, unit = TimeUnit.MINUTES, threadMode = ThreadMode.SEPARATE_THREAD)
class StuckTeardownTest {

    @AfterEach
    void nothingIsLeft() throws IOException {
        Fixture.assertNothingIsLeft();
    }

    static class ForgottenHold {
        @DblockDevice(size = "32MiB", filesystem = EXT4, requestTimeout = "1h")
        BlockDevice disk;

        @Test
        void holdsWhatIsWrittenBack() throws Exception {
            Path mountPoint = disk.mount();
            disk.faults().on(WRITE).lenient().named("forgotten").hold();
            Files.write(mountPoint.resolve("ledger"), new byte[1 << 20]);
            device = disk;
        }
    }

    private static BlockDevice device;

    @Test
    void aRuleThatHoldsWhatUnmountingWritesIsRemoved() {
        Fixture.succeed(Fixture.engine(ForgottenHold.class), 1);
        assertThat(device.incidents())
                .singleElement()
                .asString()
                .contains("umount")
                .contains("forgotten");
    }

    /** Keeps what is written in memory, until it answers no more. */
    static final class Silent implements BlockHandler {
        static final CountDownLatch END = new CountDownLatch(1);
        static volatile boolean silent;
        private final ByteBuffer data = ByteBuffer.allocateDirect(32 << 20);

        @Override
        public void read(long offset, ByteBuffer dst) {
            answer();
            dst.put(data.slice((int) offset, dst.remaining()));
        }

        @Override
        public void write(long offset, ByteBuffer src, WriteFlags flags) {
            answer();
            data.slice((int) offset, src.remaining()).put(src);
        }

        @Override
        public void flush() {
            answer();
        }

        private static void answer() {
            if (silent) {
                try {
                    END.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }
        }
    }

    @TestMethodOrder(MethodOrderer.OrderAnnotation.class)
    static class SilentHandler {
        @Test
        @Order(1)
        void stopsAnswering(
                @DblockDevice(size = "32MiB", filesystem = EXT4, requestTimeout = "1h", handler = Silent.class)
                        Path mountPoint)
                throws Exception {
            Files.write(mountPoint.resolve("ledger"), new byte[1 << 20]);
            Silent.silent = true;
        }

        @Test
        @Order(2)
        void hasACleanMachine(@DblockDevice(size = "32MiB", filesystem = EXT4) Path mountPoint) throws Exception {
            Files.writeString(mountPoint.resolve("ledger"), "paid");
            Fixture.NOTES.add("the second test ran, disks: " + Fixture.disks().size() + ", mounts: "
                    + Fixture.mounts().size());
        }
    }

    @Test
    void aDiskThatDoesNotAnswerAtItsEndIsRemovedByForceAndFailsItsTest() {
        Silent.silent = false;
        EngineExecutionResults results = Fixture.engine(SilentHandler.class).execute();
        results.testEvents().assertStatistics(stats -> stats.succeeded(1).failed(1));
        assertThat(Fixture.failures(results)).singleElement().satisfies(failure -> assertThat(failure)
                .hasStackTraceContaining("has been removed by force when it was closed: umount ")
                .hasStackTraceContaining("had not answered"));
        assertThat(Fixture.NOTES).containsExactly("the second test ran, disks: 1, mounts: 1");
    }

    static class CallInAnotherThread {
        @Test
        void leavesAThreadInACall(@DblockDevice(size = "1MiB", requestTimeout = "1h") BlockDevice disk)
                throws Exception {
            Fault hold = disk.faults().on(FLUSH).hold();
            Thread thread = new Thread(
                    () -> {
                        try {
                            disk.dropCaches();
                        } catch (RuntimeException e) {
                            Fixture.NOTES.add(e.getMessage());
                        }
                    },
                    "dropper");
            thread.start();
            hold.awaitHit(Duration.ofSeconds(60));
            device = disk;
        }
    }

    @Test
    void aCallOfAnotherThreadThatWaitsForTheDiskGetsAnError() {
        EngineExecutionResults results =
                Fixture.engine(CallInAnotherThread.class).execute();
        assertThat(Fixture.failures(results)).singleElement().satisfies(failure -> assertThat(failure)
                .hasStackTraceContaining("thread \"dropper\" was still using it"));
        assertThat(List.copyOf(Fixture.NOTES))
                .singleElement()
                .asString()
                .contains("writing cached data")
                .contains("closed meanwhile");
    }
}
