// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.internal.store.WriteCache;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;

/** A built-in store under its write cache, for the fault rules. All calls complete at once. */
public final class CacheDisk implements Disk {
    private static final CompletableFuture<Void> DONE = CompletableFuture.completedFuture(null);

    private final WriteCache cache;

    /** Creates a disk over this cache. */
    public CacheDisk(WriteCache cache) {
        this.cache = cache;
    }

    private interface Write {
        long ticket() throws IOException;
    }

    private static CompletableFuture<Void> cached(FilteredRequest request, Write write) {
        try {
            long ticket = write.ticket();
            if (ticket != 0) {
                request.addTicket(ticket);
            }
            return DONE;
        } catch (IOException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    @Override
    public CompletableFuture<Void> read(FilteredRequest request, long offset, ByteBuffer dst) {
        return cached(request, () -> {
            cache.read(offset, dst, request.position());
            return 0;
        });
    }

    @Override
    public CompletableFuture<Void> write(FilteredRequest request, long offset, ByteBuffer src, boolean fua) {
        return cached(
                request,
                () -> cache.write(offset, src, fua, request.sequence(), System.nanoTime(), request.position()));
    }

    @Override
    public CompletableFuture<Void> flush(FilteredRequest request) {
        return cached(request, () -> {
            cache.flush(request.position());
            return 0;
        });
    }

    @Override
    public CompletableFuture<Void> discard(FilteredRequest request, long offset, long length) {
        return cached(
                request,
                () -> cache.discard(offset, length, request.sequence(), System.nanoTime(), request.position()));
    }

    @Override
    public CompletableFuture<Void> writeZeroes(FilteredRequest request, long offset, long length, boolean mayUnmap) {
        return cached(
                request,
                () -> cache.writeZeroes(
                        offset, length, mayUnmap, request.sequence(), System.nanoTime(), request.position()));
    }
}
