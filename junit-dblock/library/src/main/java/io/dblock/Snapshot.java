// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import com.google.errorprone.annotations.CheckReturnValue;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/**
 * The content of a device at one moment. It does not change, costs what the device changes after it, and outlives the device
 * if it is closed later.
 *
 * <p>Safe for use by several threads.
 */
public interface Snapshot extends AutoCloseable {

    /** Its size in bytes, the device's. */
    long size();

    /**
     * Fills {@code dst}, from its position to its limit, with the content at {@code offset}, in bytes; both may be any.
     *
     * @throws IndexOutOfBoundsException if that is not within the device
     * @throws IllegalStateException if it is closed
     */
    void read(long offset, ByteBuffer dst);

    /** The {@code length} bytes at {@code offset}. */
    @CheckReturnValue
    default byte[] read(long offset, int length) {
        byte[] bytes = new byte[length];
        read(offset, ByteBuffer.wrap(bytes));
        return bytes;
    }

    /**
     * A device with this content and the original's spec, but for the name; what is written to it stays in it. Several may
     * be made. The caller closes it, before or after this.
     *
     * @throws DblockException if it cannot be made
     */
    @CheckReturnValue
    BlockDevice fork();

    /**
     * Writes it to an image file, replacing one that is there; what is zeros takes no space. To load it, make a device
     * with {@link BlockDevice.Builder#image(Path, io.dblock.handler.ImageMode)}.
     */
    void save(Path file) throws IOException;

    /** Frees what it costs. Forks stay. Does nothing the second time. */
    @Override
    void close();
}
