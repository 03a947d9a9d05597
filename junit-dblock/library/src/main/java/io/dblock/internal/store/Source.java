// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Data that can be read, such as an image or a snapshot. Offsets and lengths are in bytes. For junit-dblock's own use. Safe
 * for use by several threads.
 */
public interface Source extends AutoCloseable {

    /** Its size in bytes. */
    long size();

    /**
     * Fills {@code dst}, from its position to its limit, with the data at {@code offset}.
     *
     * @throws IndexOutOfBoundsException if the range is not within it
     */
    void read(long offset, ByteBuffer dst) throws IOException;

    /** Fills {@code length} bytes of {@code dst} from {@code index} on, whatever its position and limit. */
    default void read(long offset, ByteBuffer dst, int index, int length) throws IOException {
        read(offset, dst.duplicate().clear().position(index).limit(index + length));
    }

    /**
     * Where, from {@code from} on, something other than zeros may be; {@code end} if there is nothing before it. What it
     * skips reads as zeros.
     */
    long findData(long from, long end) throws IOException;

    /** Where, from {@code from} on, the next range starts that is known to be zeros; {@code end} if none before it. */
    long findHole(long from, long end) throws IOException;

    /** Frees what it has. */
    @Override
    void close() throws IOException;
}
