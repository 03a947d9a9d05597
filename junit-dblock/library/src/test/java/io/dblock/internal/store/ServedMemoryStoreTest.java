// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.handler.BlockHandler;
import io.dblock.internal.server.ServedHandlers;

/** The memory store by its fast way, through the server. */
class ServedMemoryStoreTest extends BlockHandlerContract
        implements BlockHandlerContract.ChecksRanges,
                BlockHandlerContract.Writes,
                BlockHandlerContract.ZeroesAndDiscards,
                BlockHandlerContract.ManyThreads {
    @Override
    BlockHandler create(byte[] content) {
        return ServedHandlers.through(new MemoryStore(content.length), content.length);
    }
}
