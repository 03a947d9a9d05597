// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.handler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.BlockRequest;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestHandler;
import io.dblock.handler.WriteFlags;
import io.dblock.it.support.AlignedBuffers;
import io.dblock.it.support.Poll;
import io.dblock.junit.DblockDevice;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Requests answered by code of the test's own. */
class HandlersIT {

    /** Of a device of 1 MiB: where nothing that looks for partitions reads. */
    private static final long MIDDLE = 512 << 10;

    /** Every sector holds its own number. */
    public static final class NumberedSectors implements BlockHandler {

        @Override
        public void read(long offset, ByteBuffer dst) {
            while (dst.hasRemaining()) {
                int inSector = (int) (offset % 512);
                dst.put(inSector < 8 ? (byte) ((offset / 512) >>> (8 * inSector)) : 0);
                offset++;
            }
        }

        @Override
        public void write(long offset, ByteBuffer src, WriteFlags flags) throws IOException {
            throw new BlockIOException(Errno.ENOSPC, "sectors are numbered already");
        }
    }

    @DblockDevice(size = "1GiB", handler = NumberedSectors.class)
    BlockDevice numbered;

    @Test
    void aHandlerClassAnswersReads() throws Exception {
        try (FileChannel channel = numbered.openChannel()) {
            for (long sector : new long[] {0, 1, 77, 255, 256, (1L << 30) / 512 - 1}) {
                ByteBuffer block = AlignedBuffers.allocate(512);
                assertThat(channel.read(block, sector * 512)).isEqualTo(512);
                assertThat(block.order(java.nio.ByteOrder.LITTLE_ENDIAN).getLong(0))
                        .as("number in sector %d", sector)
                        .isEqualTo(sector);
            }
        }
    }

    @Test
    void theErrorAHandlerThrowsReachesTheWriter() throws Exception {
        try (FileChannel channel = numbered.openChannel()) {
            assertThatThrownBy(() -> channel.write(AlignedBuffers.allocate(512), 0))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("No space left");
        }
    }

    @Test
    void aLambdaAnswersRequests() throws Exception {
        byte[] disk = new byte[1 << 20];
        RequestHandler handler = request -> {
            if (request.operation() == Operation.READ) {
                request.data().put(disk, (int) request.offset(), (int) request.length());
            } else if (request.operation() == Operation.WRITE) {
                request.data().get(disk, (int) request.offset(), (int) request.length());
            }
            request.complete();
        };
        try (BlockDevice device =
                        BlockDevice.builder().size(disk.length).handler(handler).create();
                FileChannel channel = device.openChannel()) {
            ByteBuffer block = AlignedBuffers.allocate(512);
            block.put(0, (byte) 7);
            channel.write(block, 1024);
            assertThat(disk[1024]).isEqualTo((byte) 7);
            disk[2048] = 9;
            ByteBuffer back = AlignedBuffers.allocate(512);
            channel.read(back, 2048);
            assertThat(back.get(0)).isEqualTo((byte) 9);
        }
    }

    @Test
    void aHeldRequestDoesNotHoldUpTheOthersAndIsCompletedByAnotherThread() throws Exception {
        BlockingQueue<BlockRequest> held = new LinkedBlockingQueue<>();
        RequestHandler handler = request -> {
            if (request.operation() == Operation.READ && request.offset() == MIDDLE) {
                held.add(request);
            } else {
                request.complete();
            }
        };
        try (BlockDevice device =
                        BlockDevice.builder().size("1MiB").handler(handler).create();
                FileChannel slow = device.openChannel();
                FileChannel quick = device.openChannel()) {
            assertThat(held).as("held before the test began").isEmpty();
            ByteBuffer waiting = AlignedBuffers.allocate(512);
            CompletableFuture<Integer> read = CompletableFuture.supplyAsync(() -> {
                try {
                    return slow.read(waiting, MIDDLE);
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
            });
            BlockRequest request = held.poll(60, TimeUnit.SECONDS);
            assertThat(request)
                    .as("the read of byte %d, within a minute", MIDDLE)
                    .isNotNull();

            for (int i = 0; i < 100; i++) {
                assertThat(quick.read(AlignedBuffers.allocate(512), 8192)).isEqualTo(512);
            }
            assertThat(read).isNotDone();

            request.data().put(0, (byte) 99);
            request.complete();
            assertThat(read.get(60, TimeUnit.SECONDS)).isEqualTo(512);
            assertThat(waiting.get(0)).isEqualTo((byte) 99);
        }
    }

    @Test
    void aRequestNobodyAnswersEndsWithATimeOut() throws Exception {
        BlockingQueue<BlockRequest> held = new LinkedBlockingQueue<>();
        RequestHandler handler = request -> {
            if (request.offset() == MIDDLE) {
                held.add(request);
            } else {
                request.complete();
            }
        };
        try (BlockDevice device = BlockDevice.builder()
                        .size("1MiB")
                        .requestTimeout(Duration.ofSeconds(2))
                        .handler(handler)
                        .create();
                FileChannel channel = device.openChannel()) {
            assertThatThrownBy(() -> channel.read(AlignedBuffers.allocate(512), MIDDLE))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("timed out");
            BlockRequest late = held.poll(60, TimeUnit.SECONDS);
            assertThat(late).isNotNull();
            late.complete(); // too late: dropped, and nothing breaks
            assertThat(channel.read(AlignedBuffers.allocate(512), 8192)).isEqualTo(512);
        }
    }

    @Test
    void whatAHandlerThrowsFailsTheRequestAndIsKept() throws Exception {
        RequestHandler handler = request -> {
            if (request.offset() == MIDDLE) {
                throw new IllegalStateException("on purpose");
            }
            request.complete();
        };
        try (BlockDevice device =
                        BlockDevice.builder().size("1MiB").handler(handler).create();
                FileChannel channel = device.openChannel()) {
            assertThatThrownBy(() -> channel.read(AlignedBuffers.allocate(512), MIDDLE))
                    .isInstanceOf(IOException.class);
            Poll.until("the handler's exception", Duration.ofMinutes(1), () -> !device.handlerFailures()
                    .isEmpty());
            assertThat(device.handlerFailures()).first().satisfies(e -> assertThat(e)
                    .hasMessageContaining("on purpose"));
            assertThat(channel.read(AlignedBuffers.allocate(512), 8192)).isEqualTo(512);
        }
    }
}
