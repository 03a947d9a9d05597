// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.junit;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.handler.Operation.READ;
import static io.dblock.handler.Operation.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.WriteFlags;
import io.dblock.junit.DblockDevice;
import io.dblock.junit.DblockExtension;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.platform.testkit.engine.EngineExecutionResults;

/**
 * A test that waits in the kernel for its disk is ended by its time limit, or by an interrupt. Every request here would be
 * waited for for an hour, which is the devices' own limit.
 */
@Timeout(value = 15, unit = TimeUnit.MINUTES, threadMode = ThreadMode.SEPARATE_THREAD)
class InterruptTest {

    @AfterEach
    void nothingIsLeft() throws IOException {
        Fixture.assertNothingIsLeft();
    }

    private static void read(FileChannel channel) throws IOException {
        channel.read(Fixture.block(), 0);
    }

    static class HeldReadInTheTestsThread {
        @Test
        @Timeout(2)
        void reads(@DblockDevice(size = "1MiB", requestTimeout = "1h") BlockDevice disk) throws Exception {
            disk.faults().on(READ).hold();
            try (FileChannel channel = disk.openChannel()) {
                read(channel);
            }
        }
    }

    @Test
    void aTimeoutEndsAReadThatIsHeld() {
        EngineExecutionResults results =
                Fixture.engine(HeldReadInTheTestsThread.class).execute();
        assertThat(Fixture.failures(results)).singleElement().satisfies(failure -> {
            assertThat(failure).hasMessageContaining("timed out after 2 seconds");
            assertThat(List.of(failure.getSuppressed()))
                    .anySatisfy(told -> assertThat(told).hasMessageContaining("has been removed by force"));
        });
    }

    static class HeldReadInAThreadOfItsOwn {
        @Test
        @Timeout(value = 2, threadMode = ThreadMode.SEPARATE_THREAD)
        void reads(@DblockDevice(size = "1MiB", requestTimeout = "1h") BlockDevice disk) throws Exception {
            disk.faults().on(READ).hold();
            try (FileChannel channel = disk.openChannel()) {
                read(channel);
            }
        }
    }

    @Test
    void aTimeoutOfASeparateThreadEndsAReadThatIsHeld() {
        EngineExecutionResults results =
                Fixture.engine(HeldReadInAThreadOfItsOwn.class).execute();
        assertThat(Fixture.failures(results)).singleElement().satisfies(failure -> {
            assertThat(failure).hasMessageContaining("timed out after 2 seconds");
            // JUnit does not wait for that thread. Removed is the disk, by who sees the thread wait, or the rule, by
            // who
            // ends the disk: whoever comes first.
            assertThat(List.of(failure.getSuppressed()))
                    .anySatisfy(told -> assertThat(told).hasMessageContaining("has been removed"));
        });
    }

    static class HeldSync {
        @RegisterExtension
        final DblockExtension extension = DblockExtension.builder()
                .size("32MiB")
                .filesystem(EXT4)
                .requestTimeout(Duration.ofHours(1))
                .build();

        @Test
        void syncs() throws Exception {
            BlockDevice disk = extension.device();
            Path file = disk.mount().resolve("ledger");
            Thread test = Thread.currentThread();
            try (FileChannel channel =
                    FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                channel.write(ByteBuffer.wrap(new byte[4096]));
                var hold = disk.faults().on(WRITE).hold();
                Thread interrupter = new Thread(() -> {
                    try {
                        hold.awaitHit(Duration.ofSeconds(60));
                        test.interrupt();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                });
                interrupter.start();
                channel.force(true);
            } catch (IOException e) {
                Fixture.NOTES.add(e.toString());
            }
            Thread.interrupted();
            assertThat(disk.incidents())
                    .anySatisfy(incident ->
                            assertThat(incident).contains(test.getName()).contains("has been removed by force"));
        }
    }

    @Test
    void anInterruptEndsAnFsyncWhoseWritesAreHeld() {
        Fixture.succeed(Fixture.engine(HeldSync.class), 1);
        assertThat(Fixture.NOTES).hasSize(1);
    }

    /** Answers nothing once the test has begun. */
    static final class Silent implements BlockHandler {
        static final CountDownLatch END = new CountDownLatch(1);
        static volatile boolean silent;

        @Override
        public void read(long offset, ByteBuffer dst) {
            if (silent) {
                try {
                    END.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }
            dst.position(dst.limit());
        }

        @Override
        public void write(long offset, ByteBuffer src, WriteFlags flags) {}
    }

    static class SilentHandler {
        @Test
        @Timeout(2)
        void reads(@DblockDevice(size = "1MiB", requestTimeout = "1h", handler = Silent.class) FileChannel channel)
                throws Exception {
            Silent.silent = true;
            read(channel);
        }
    }

    @Test
    void aTimeoutEndsAReadThatAHandlerDoesNotAnswer() {
        EngineExecutionResults results = Fixture.engine(SilentHandler.class).execute();
        Silent.silent = false;
        assertThat(Fixture.failures(results)).singleElement().satisfies(failure -> {
            assertThat(failure).hasMessageContaining("timed out after 2 seconds");
            assertThat(List.of(failure.getSuppressed()))
                    .anySatisfy(told -> assertThat(told).hasMessageContaining("has been removed by force"));
        });
    }
}
