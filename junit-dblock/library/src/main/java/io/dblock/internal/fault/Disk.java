// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;

/**
 * What lies below the fault rules: the write cache and the store, or a user's handler. It takes parts of requests, cut at
 * logical blocks; offsets and lengths are in bytes.
 *
 * <p>A future completes exceptionally with an {@link java.io.IOException}, a
 * {@link io.dblock.handler.BlockIOException} if the error is to be another than EIO. Those of built-in stores are complete
 * when they are returned. Safe for use by several threads.
 */
public interface Disk {

    /** Fills {@code dst} from its position to its limit. */
    CompletableFuture<Void> read(FilteredRequest request, long offset, ByteBuffer dst);

    /** Writes what remains in {@code src}. What goes into the cache is noted in the request by its ticket. */
    CompletableFuture<Void> write(FilteredRequest request, long offset, ByteBuffer src, boolean fua);

    /** Makes durable what had been completed at the request's {@link FilteredRequest#position() position}. */
    CompletableFuture<Void> flush(FilteredRequest request);

    /** The range is no longer needed. */
    CompletableFuture<Void> discard(FilteredRequest request, long offset, long length);

    /** The range is to read as zeros. */
    CompletableFuture<Void> writeZeroes(FilteredRequest request, long offset, long length, boolean mayUnmap);

    /**
     * Does what only zoned devices are asked for, all of the request: what a report says goes into its data, where an append
     * was put is {@linkplain FilteredRequest#appendedAt noted} in it.
     */
    default CompletableFuture<Void> zone(FilteredRequest request) {
        return CompletableFuture.failedFuture(new BlockIOException(Errno.EOPNOTSUPP, "This device has no zones"));
    }
}
