// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.watchdog;

import static io.dblock.handler.Operation.READ;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.WriteFlags;
import io.dblock.it.support.AlignedBuffers;
import io.dblock.it.support.Poll;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** A request that nobody answers is reported before it fails, with all that is needed to find out why. */
class WatchdogIT {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final Duration BOUND = Duration.ofMinutes(2);

    @Test
    void aRequestThatARuleHoldsIsReportedWithTheRuleAndTheServersAndTheTestsThreads() throws Exception {
        try (BlockDevice disk =
                BlockDevice.builder().size("1MiB").requestTimeout(LIMIT).create()) {
            disk.faults().on(READ).named("forgotten").hold();
            readFails(disk);
            Poll.until("the watchdog's report", BOUND, () -> !disk.incidents().isEmpty());
            assertThat(disk.incidents()).first().asString().satisfies(report -> assertThat(report)
                    .contains(disk.path() + ": a READ of 4096 bytes at byte 8192 has waited for ")
                    .contains("It fails (ETIMEDOUT) after 60.0 s")
                    .contains("its server has it and has not answered")
                    .contains("forgotten")
                    .contains("threads of the server process")
                    .contains("threads of the test's JVM")
                    .contains("WatchdogIT.readFails")
                    .contains("has open " + disk.path()));
            disk.faults().clear();
        }
    }

    private static void readFails(BlockDevice disk) throws IOException {
        try (FileChannel channel = disk.openChannel()) {
            ByteBuffer block = AlignedBuffers.allocate(4096);
            assertThatThrownBy(() -> channel.read(block, 8192)).hasMessageContaining("ETIMEDOUT");
        }
    }

    private static final class Forgetful implements BlockHandler {
        private final CountDownLatch end = new CountDownLatch(1);
        private volatile boolean forgets;

        @Override
        public void read(long offset, ByteBuffer dst) {
            if (forgets) {
                try {
                    end.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }
            dst.position(dst.limit());
        }

        @Override
        public void write(long offset, ByteBuffer src, WriteFlags flags) {}
    }

    @Test
    void aRequestThatAHandlerDoesNotAnswerIsReportedWithTheHandlersStack() throws Exception {
        Forgetful handler = new Forgetful();
        try (BlockDevice disk = BlockDevice.builder()
                .size("1MiB")
                .requestTimeout(LIMIT)
                .handler(handler)
                .create()) {
            handler.forgets = true;
            readFails(disk);
            Poll.until("the watchdog's report", BOUND, () -> !disk.incidents().isEmpty());
            assertThat(disk.incidents()).first().asString().satisfies(report -> assertThat(report)
                    .contains("a READ of 4096 bytes at byte 8192")
                    .contains(Forgetful.class.getName())
                    .contains("WatchdogIT$Forgetful.read")
                    .containsPattern("tid [0-9]+ \".*\" D\n"));
            handler.forgets = false;
            handler.end.countDown();
        }
    }
}
