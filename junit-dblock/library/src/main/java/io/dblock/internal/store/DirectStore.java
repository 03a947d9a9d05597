// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.nio.ByteBuffer;

/** A store whose data is contiguous in memory. The server answers from there: reads without a copy, writes with one. */
public interface DirectStore extends Store {

    /**
     * Returns where the data at {@code offset} can be read, as long as nothing changes it. Nothing may be written
     * there.
     *
     * @throws IndexOutOfBoundsException if the range is not within the store
     * @throws IllegalStateException if the store is closed
     */
    long address(long offset, long length);

    /**
     * Copies {@code length} bytes of a buffer, from an index on, to {@code offset}; the buffer's position does not
     * change.
     */
    void writeFrom(ByteBuffer source, int index, long offset, int length);

    // No method throws an IOException: memory does not fail.
    @Override
    void flush();

    @Override
    void discard(long offset, long length);

    @Override
    void writeZeroes(long offset, long length, boolean mayUnmap);

    @Override
    void resize(long bytes);

    @Override
    void close();
}
