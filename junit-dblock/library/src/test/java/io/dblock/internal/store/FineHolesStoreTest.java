// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.handler.BlockHandler;
import io.dblock.handler.WriteFlags;
import java.nio.ByteBuffer;

class FineHolesStoreTest extends BlockHandlerContract
        implements BlockHandlerContract.StartsWithContent,
                BlockHandlerContract.ChecksRanges,
                BlockHandlerContract.Writes,
                BlockHandlerContract.ZeroesAndDiscards,
                BlockHandlerContract.ManyThreads {
    @Override
    BlockHandler create(byte[] content) throws Exception {
        FineHolesStore store = new FineHolesStore(content.length);
        store.write(0, ByteBuffer.wrap(content), WriteFlags.NONE);
        return store;
    }
}
