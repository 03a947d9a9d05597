// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.handler.BlockHandler;
import java.io.IOException;
import java.nio.ByteBuffer;

/** A handler that keeps the data itself: one of junit-dblock's own. A range it has discarded reads as zeros. */
public interface Store extends Source, BlockHandler {

    @Override
    void read(long offset, ByteBuffer dst) throws IOException;

    /**
     * Changes its size. What is beyond a smaller one is lost, what a larger one adds reads as zeros. No change of the content
     * may be under way, but reads may.
     *
     * @param bytes a multiple of the logical block
     * @throws IllegalArgumentException if it cannot have this size
     * @throws IllegalStateException if its size does not change at all
     */
    void resize(long bytes) throws IOException;

    @Override
    void close() throws IOException;
}
