// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.handler.BlockHandler;
import io.dblock.handler.WriteFlags;
import java.io.IOException;
import java.nio.ByteBuffer;

/** A handler as a user would write it holds the contract with the defaults of the interface. */
class UserHandlerTest extends BlockHandlerContract
        implements BlockHandlerContract.StartsWithContent,
                BlockHandlerContract.Writes,
                BlockHandlerContract.ManyThreads {
    @Override
    BlockHandler create(byte[] content) {
        return new BlockHandler() {
            @Override
            public void read(long offset, ByteBuffer dst) throws IOException {
                dst.put(content, (int) offset, dst.remaining());
            }

            @Override
            public void write(long offset, ByteBuffer src, WriteFlags flags) throws IOException {
                src.get(content, (int) offset, src.remaining());
            }
        };
    }
}
