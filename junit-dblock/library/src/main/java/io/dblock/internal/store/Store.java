// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.handler.BlockHandler;
import java.io.IOException;
import java.nio.ByteBuffer;

/** A built-in handler that keeps the data itself. A discarded range reads as zeros. */
public interface Store extends Source, BlockHandler {

    @Override
    void read(long offset, ByteBuffer dst) throws IOException;

    /**
     * Changes the size. Data beyond a smaller size is lost; what a larger size adds reads as zeros. No change of the
     * content may be under way, but reads may.
     *
     * @param bytes a multiple of the logical block
     * @throws IllegalArgumentException if the store cannot have this size
     * @throws IllegalStateException if the size of this store is fixed
     */
    void resize(long bytes) throws IOException;

    /** Returns the store in memory that has the data; null if the data is elsewhere. */
    default MemoryStore inMemory() {
        return null;
    }

    @Override
    void close() throws IOException;
}
