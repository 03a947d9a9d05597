// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.nio.ByteBuffer;

/**
 * A store whose data lie in memory from one address on. The server answers from there: reads without a copy, writes with
 * one.
 */
public interface DirectStore extends Store {

    /**
     * Where the data at {@code offset} can be read, for as long as nothing changes them. Nothing may be written there.
     *
     * @throws IndexOutOfBoundsException if the range is not within the store
     * @throws IllegalStateException if it is closed
     */
    long address(long offset, long length);

    /** Copies {@code length} bytes of a buffer, from an index on, to {@code offset}; the buffer's position stays. */
    void writeFrom(ByteBuffer source, int index, long offset, int length);

    // None of these fails with an IOException: memory does not.
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
