// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;

/**
 * The disk below the fault rules: the write cache and the store, or a user's handler. It takes parts of requests, cut
 * at logical blocks. Offsets and lengths are in bytes.
 *
 * <p>A future completes exceptionally with an {@link java.io.IOException}; a {@link io.dblock.handler.BlockIOException}
 * carries an error other than EIO. Built-in stores return completed futures. Safe for use by several threads.
 */
public interface Disk {

    /** Fills {@code dst} from its position to its limit. */
    CompletableFuture<Void> read(FilteredRequest request, long offset, ByteBuffer dst);

    /** Writes the remaining bytes of {@code src}. The ticket of what goes into the cache is noted in the request. */
    CompletableFuture<Void> write(FilteredRequest request, long offset, ByteBuffer src, boolean fua);

    /**
     * Makes the writes durable that had been completed at the request's {@link FilteredRequest#position() position}.
     */
    CompletableFuture<Void> flush(FilteredRequest request);

    /** Discards the range: its content is no longer needed. */
    CompletableFuture<Void> discard(FilteredRequest request, long offset, long length);

    /** Makes the range read as zeros. */
    CompletableFuture<Void> writeZeroes(FilteredRequest request, long offset, long length, boolean mayUnmap);

    /**
     * Does a whole request that only zoned devices get. A report goes into the request's data; the place of an append
     * is {@linkplain FilteredRequest#appendedAt noted} in the request.
     */
    default CompletableFuture<Void> zone(FilteredRequest request) {
        return CompletableFuture.failedFuture(new BlockIOException(Errno.EOPNOTSUPP, "This device has no zones"));
    }
}
