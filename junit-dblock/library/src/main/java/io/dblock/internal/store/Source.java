// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Data that can be read, such as an image or a snapshot. Offsets and lengths are in bytes. Safe for use by several
 * threads.
 */
public interface Source extends AutoCloseable {

    /** Returns the size in bytes. */
    long size();

    /**
     * Fills {@code dst}, from its position to its limit, with the data at {@code offset}.
     *
     * @throws IndexOutOfBoundsException if the range is not within the source
     */
    void read(long offset, ByteBuffer dst) throws IOException;

    /** Fills {@code length} bytes of {@code dst} from {@code index} on, whatever its position and limit. */
    default void read(long offset, ByteBuffer dst, int index, int length) throws IOException {
        read(offset, dst.duplicate().clear().position(index).limit(index + length));
    }

    /**
     * Returns the next offset, from {@code from} on, that may have anything but zeros; {@code end} if there is none
     * before it. Everything skipped reads as zeros.
     */
    long findData(long from, long end) throws IOException;

    /**
     * Returns the start of the next range, from {@code from} on, that is known to be zeros; {@code end} if there is
     * none before it.
     */
    long findHole(long from, long end) throws IOException;

    /** Frees the resources. */
    @Override
    void close() throws IOException;
}
