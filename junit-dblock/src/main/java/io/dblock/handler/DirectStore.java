// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

/**
 * A store whose data lie in memory from one address on. The server answers from there: reads without a copy, writes with
 * one.
 */
public interface DirectStore extends Store {

    /**
     * Where the data at {@code offset} are.
     *
     * @throws IndexOutOfBoundsException if the range is not within the store
     * @throws IllegalStateException if it is closed
     */
    long address(long offset, long length);

    /** Copies {@code length} bytes from any address to {@code offset}. */
    void writeFrom(long address, long offset, long length);

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
