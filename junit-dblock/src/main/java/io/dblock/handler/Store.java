// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

import java.io.IOException;
import java.nio.ByteBuffer;

/** A handler that keeps the data itself: one of junit-dblock's own. A range it has discarded reads as zeros. */
public interface Store extends Source, BlockHandler {

    @Override
    void read(long offset, ByteBuffer dst) throws IOException;

    @Override
    void close() throws IOException;
}
