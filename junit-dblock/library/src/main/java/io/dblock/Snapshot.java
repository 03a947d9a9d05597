// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import com.google.errorprone.annotations.CheckReturnValue;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/**
 * The content of a device at one moment. It does not change, takes only the space of what the device changes later, and
 * may outlive the device.
 *
 * <p>Safe for use by several threads.
 */
public interface Snapshot extends AutoCloseable {

    /** Returns the size of the snapshot in bytes, which is that of the device at that moment. */
    long size();

    /**
     * Fills {@code dst}, from its position to its limit, with the content at {@code offset}, in bytes. Offset and
     * length need no alignment.
     *
     * @throws IndexOutOfBoundsException if the range is not within the device
     * @throws IllegalStateException if the snapshot is closed
     */
    void read(long offset, ByteBuffer dst);

    /** Returns the {@code length} bytes at {@code offset}. */
    @CheckReturnValue
    default byte[] read(long offset, int length) {
        byte[] bytes = new byte[length];
        read(offset, ByteBuffer.wrap(bytes));
        return bytes;
    }

    /**
     * Makes a device with this content and the spec of the original device, except for the name. What is written to it
     * stays in it. A snapshot can be forked several times. The caller closes the device, before or after the snapshot.
     *
     * @throws DblockException if the device cannot be made
     */
    @CheckReturnValue
    BlockDevice fork();

    /**
     * Writes the content to an image file and replaces an existing file. Zeros take no space. To load it, make a device
     * with {@link BlockDevice.Builder#image(Path, io.dblock.handler.ImageMode)}.
     */
    void save(Path file) throws IOException;

    /** Frees the resources of the snapshot. Forks stay. Does nothing the second time. */
    @Override
    void close();
}
