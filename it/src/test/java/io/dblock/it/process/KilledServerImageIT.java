// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.nio.file.ExtendedOpenOption;
import io.dblock.BlockDevice;
import io.dblock.handler.ImageMode;
import io.dblock.internal.remote.ServerProcess;
import io.dblock.it.support.AlignedBuffers;
import io.dblock.it.support.Poll;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whenever the server process is killed, an image in place is one that a power cut could have left. */
class KilledServerImageIT {
    private static final Duration LONG = Duration.ofMinutes(2);
    private static final int BLOCKS = 64;
    private static final int BLOCK = 4096;
    private static final int SECTOR = 512;
    private static final int ROUNDS = 3;

    @TempDir
    Path directory;

    /** Writes numbered blocks and flushes, until the disk fails. */
    private static final class Writer implements Runnable {
        private final Path disk;
        private final Random random;
        /** For each block, the numbers written to it, from the one that the last flush has made durable on. */
        final List<List<Long>> possible = new ArrayList<>();

        final AtomicInteger flushes = new AtomicInteger();
        private long number;

        Writer(Path disk, Random random) {
            this.disk = disk;
            this.random = random;
            for (int i = 0; i < BLOCKS; i++) {
                possible.add(new ArrayList<>(List.of(0L)));
            }
        }

        @Override
        public void run() {
            ByteBuffer data = AlignedBuffers.allocate(BLOCK);
            try (FileChannel channel = FileChannel.open(disk, StandardOpenOption.WRITE, ExtendedOpenOption.DIRECT)) {
                while (true) {
                    for (int i = 0; i < 24; i++) {
                        write(channel, data);
                    }
                    channel.force(false);
                    possible.forEach(
                            numbers -> numbers.subList(0, numbers.size() - 1).clear());
                    flushes.incrementAndGet();
                }
            } catch (IOException e) {
                // So it ends: the server is gone, or the power is off.
            }
        }

        private void write(FileChannel channel, ByteBuffer data) throws IOException {
            int block = random.nextInt(BLOCKS);
            possible.get(block).add(++number);
            data.clear();
            while (data.hasRemaining()) {
                data.putLong(number);
            }
            channel.write(data.flip(), (long) block * BLOCK);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anImageInPlaceIsOneThatACutCouldHaveLeft(boolean duringCut) throws Exception {
        ExecutorService executor = Executors.newCachedThreadPool();
        try {
            for (int round = 0; round < ROUNDS; round++) {
                Path image = directory.resolve("image" + round);
                try (RandomAccessFile empty = new RandomAccessFile(image.toFile(), "rw")) {
                    empty.setLength((long) BLOCKS * BLOCK);
                }
                Random random = new Random(round);
                BlockDevice disk =
                        BlockDevice.builder().image(image, ImageMode.IN_PLACE).create();
                ProcessHandle server =
                        ProcessHandle.of(ServerProcess.pid().orElseThrow()).orElseThrow();
                Writer writer = new Writer(disk.path(), random);
                CompletableFuture<Void> writing = CompletableFuture.runAsync(writer, executor);
                int flushes = 1 + random.nextInt(10);
                Poll.until("flush " + flushes, LONG, () -> writer.flushes.get() >= flushes);
                CompletableFuture<?> cut = duringCut
                        ? CompletableFuture.runAsync(() -> disk.powerCut(Survivors.random(1)), executor)
                        : CompletableFuture.completedFuture(null);
                assertThat(server.destroyForcibly()).isTrue();
                server.onExit().get(LONG.toSeconds(), TimeUnit.SECONDS);
                writing.get(LONG.toSeconds(), TimeUnit.SECONDS);
                cut.handle((done, failed) -> done).get(LONG.toSeconds(), TimeUnit.SECONDS);
                assertThatThrownBy(disk::close).hasMessageContaining("killed by signal 9");
                Poll.until("the node to go", LONG, () -> !Files.exists(disk.path()));
                check(image, writer, "round " + round);
            }
        } finally {
            executor.shutdownNow();
        }
    }

    private static void check(Path image, Writer writer, String round) throws IOException {
        ByteBuffer content = ByteBuffer.wrap(Files.readAllBytes(image));
        for (int block = 0; block < BLOCKS; block++) {
            for (int sector = 0; sector < BLOCK; sector += SECTOR) {
                int at = block * BLOCK + sector;
                long number = content.getLong(at);
                assertThat(writer.possible.get(block))
                        .as("the numbers that block %d may have after the last flush, %s", block, round)
                        .contains(number);
                for (int i = 0; i < SECTOR; i += Long.BYTES) {
                    assertThat(content.getLong(at + i))
                            .as("the sector at %d is not torn, %s", at, round)
                            .isEqualTo(number);
                }
            }
        }
    }
}
