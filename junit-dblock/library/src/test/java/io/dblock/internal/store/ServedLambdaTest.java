// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.handler.BlockHandler;
import io.dblock.handler.RequestHandler;
import io.dblock.internal.server.ServedHandlers;

/** A lambda over an array, through the server. */
class ServedLambdaTest extends BlockHandlerContract
        implements BlockHandlerContract.StartsWithContent,
                BlockHandlerContract.ChecksRanges,
                BlockHandlerContract.Writes,
                BlockHandlerContract.ManyThreads {
    @Override
    BlockHandler create(byte[] content) {
        return ServedHandlers.through(
                (RequestHandler) request -> {
                    switch (request.operation()) {
                        case READ -> request.data().put(content, (int) request.offset(), (int) request.length());
                        case WRITE -> request.data().get(content, (int) request.offset(), (int) request.length());
                        default -> {}
                    }
                    request.complete();
                },
                content.length);
    }
}
