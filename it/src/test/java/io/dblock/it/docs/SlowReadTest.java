// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.handler.Operation.READ;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.dblock.handler.BlockRequest;
import io.dblock.handler.RequestHandler;
import io.dblock.junit.DblockDevice;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.junit.jupiter.api.Test;

class SlowReadTest {

    static class SlowReads implements RequestHandler {
        private final Executor later = CompletableFuture.delayedExecutor(100, MILLISECONDS);

        @Override
        public void handle(BlockRequest request) {
            if (request.operation() == READ) {
                later.execute(() -> answer(request)); // other requests pass it meanwhile
            } else {
                request.complete();
            }
        }

        private static void answer(BlockRequest request) {
            while (request.data().hasRemaining()) {
                request.data().put((byte) 7);
            }
            request.complete();
        }
    }

    @Test
    void aReadIsAnsweredLater(@DblockDevice(size = "16MiB", handler = SlowReads.class) FileChannel disk)
            throws Exception {
        ByteBuffer block = ByteBuffer.allocate(4096);
        disk.read(block, 0);
        assertEquals(7, block.get(4095));
    }
}
