// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Set;

/**
 * Answers the requests of a block device in blocking form: one call per request.
 *
 * <p>Offsets and lengths are in bytes, are multiples of the device's logical block, and lie within the device. A device
 * with one queue, the default, makes one call at a time. A device with several queues makes up to one call per queue at
 * a time, from as many threads. Buffers are valid only during the call.
 *
 * <p>An {@link IOException} fails the request: a {@link BlockIOException} with its own error, any other with EIO.
 * Anything else thrown fails it with EIO, too; {@code BlockDevice.handlerFailures()} has it.
 */
public interface BlockHandler extends AutoCloseable {

    /**
     * Fills {@code dst}, from its position to its limit, with the data at {@code offset}. The request fails with EIO if
     * {@code dst.hasRemaining()} is true on return.
     */
    void read(long offset, ByteBuffer dst) throws IOException;

    /**
     * Writes the remaining bytes of {@code src}, which is read-only, at {@code offset}.
     *
     * <p>Unless the device was made with stable writes, the kernel may still change a page while it is written; the
     * bytes in {@code src} no longer change.
     */
    void write(long offset, ByteBuffer src, WriteFlags flags) throws IOException;

    /** Makes all writes durable that returned before this call. Not called on a device without a write cache. */
    default void flush() throws IOException {}

    /**
     * Discards the range: its content is no longer needed. Called only if {@link #supports()} has
     * {@link Operation#DISCARD}.
     */
    default void discard(long offset, long length) throws IOException {
        throw new BlockIOException(io.dblock.handler.Errno.EOPNOTSUPP, "This handler does not discard");
    }

    /**
     * Makes the range read as zeros. Called only if {@link #supports()} has {@link Operation#WRITE_ZEROES}; otherwise
     * the kernel writes zeros.
     *
     * @param mayUnmap whether the space may be freed
     */
    default void writeZeroes(long offset, long length, boolean mayUnmap) throws IOException {
        throw new BlockIOException(io.dblock.handler.Errno.EOPNOTSUPP, "This handler does not write zeroes");
    }

    /**
     * Returns the operations the handler supports; the device does not advertise any others. Called once, before the
     * device is made. The default has {@link Operation#READ}, {@link Operation#WRITE} and {@link Operation#FLUSH}.
     */
    default Set<Operation> supports() {
        return EnumSet.of(Operation.READ, Operation.WRITE, Operation.FLUSH);
    }

    /** Closes the handler. Called once, after the last request, when the device is closed. */
    @Override
    default void close() throws IOException {}
}
