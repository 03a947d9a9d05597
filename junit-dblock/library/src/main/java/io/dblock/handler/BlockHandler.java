// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Set;

/**
 * Answers the requests of a block device, one call per request, in blocking form.
 *
 * <p>Offsets and lengths are in bytes, multiples of the device's logical block, and lie within the device. A device
 * with one queue, the default, makes one call at a time; one with several makes as many at a time as it has queues, from
 * as many threads. The buffers are valid during the call only.
 *
 * <p>An {@link IOException} fails the request: a {@link BlockIOException} with its own error, any other with EIO. So does
 * anything else that is thrown; {@code BlockDevice.handlerFailures()} has it.
 */
public interface BlockHandler extends AutoCloseable {

    /**
     * Fills {@code dst}, from its position to its limit, with the data at {@code offset}. To return with
     * {@code dst.hasRemaining()} is an error, and fails the request with EIO.
     */
    void read(long offset, ByteBuffer dst) throws IOException;

    /**
     * Takes the remaining bytes of {@code src}, which is read-only, as the data at {@code offset}.
     *
     * <p>Unless the device was made with stable writes, the kernel may still be changing a page while it is written;
     * the bytes in {@code src} do not change any more.
     */
    void write(long offset, ByteBuffer src, WriteFlags flags) throws IOException;

    /** Makes all writes that have returned before this call durable. Not called on a device without write cache. */
    default void flush() throws IOException {}

    /**
     * The content of this range is no longer needed. Called only if {@link #supports()} has {@link Operation#DISCARD}.
     */
    default void discard(long offset, long length) throws IOException {
        throw new BlockIOException(io.dblock.handler.Errno.EOPNOTSUPP, "This handler does not discard");
    }

    /**
     * Makes the range read as zeros. Called only if {@link #supports()} has {@link Operation#WRITE_ZEROES}; otherwise
     * the kernel writes zeros.
     *
     * @param mayUnmap whether the space may be given back
     */
    default void writeZeroes(long offset, long length, boolean mayUnmap) throws IOException {
        throw new BlockIOException(io.dblock.handler.Errno.EOPNOTSUPP, "This handler does not write zeroes");
    }

    /**
     * What the handler does beyond reading and writing. Asked once, before the device is made; what is not in it is
     * not advertised by the device. The default has {@link Operation#READ}, {@link Operation#WRITE} and
     * {@link Operation#FLUSH}.
     */
    default Set<Operation> supports() {
        return EnumSet.of(Operation.READ, Operation.WRITE, Operation.FLUSH);
    }

    /** Called once, after the last request, when the device is closed. */
    @Override
    default void close() throws IOException {}
}
