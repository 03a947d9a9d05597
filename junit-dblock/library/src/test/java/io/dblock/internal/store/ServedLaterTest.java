// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.handler.BlockHandler;
import io.dblock.handler.BlockRequest;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestHandler;
import io.dblock.internal.server.ServedHandlers;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;

/** A handler in request form that does everything, on other threads, through the server. */
class ServedLaterTest extends BlockHandlerContract
        implements BlockHandlerContract.StartsWithContent,
                BlockHandlerContract.ChecksRanges,
                BlockHandlerContract.Writes,
                BlockHandlerContract.ZeroesAndDiscards,
                BlockHandlerContract.ManyThreads {
    private final ExecutorService executor = Executors.newFixedThreadPool(3);

    @AfterEach
    void stop() {
        executor.shutdownNow();
    }

    @Override
    BlockHandler create(byte[] content) {
        return ServedHandlers.through(
                new RequestHandler() {
                    @Override
                    public void handle(BlockRequest request) {
                        executor.execute(() -> {
                            int offset = (int) request.offset();
                            int length = (int) request.length();
                            switch (request.operation()) {
                                case READ -> request.data().put(content, offset, length);
                                case WRITE -> request.data().get(content, offset, length);
                                case DISCARD, WRITE_ZEROES ->
                                    java.util.Arrays.fill(content, offset, offset + length, (byte) 0);
                                case FLUSH -> {}
                                default -> throw new AssertionError("this disk has no zones: " + request);
                            }
                            request.complete();
                        });
                    }

                    @Override
                    public Set<Operation> supports() {
                        return EnumSet.allOf(Operation.class);
                    }
                },
                content.length);
    }
}
