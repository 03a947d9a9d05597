// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.internal.fault.Disk;
import io.dblock.internal.fault.FilteredRequest;
import io.dblock.internal.store.ZonedStore;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;

/** A zoned store, below the fault rules. All calls complete at once. */
final class ZonedDisk implements Disk {
    private static final CompletableFuture<Void> DONE = CompletableFuture.completedFuture(null);

    private final ZonedStore store;

    ZonedDisk(ZonedStore store) {
        this.store = store;
    }

    private interface Call {
        void run() throws IOException;
    }

    private static CompletableFuture<Void> call(Call call) {
        try {
            call.run();
            return DONE;
        } catch (IOException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    @Override
    public CompletableFuture<Void> read(FilteredRequest request, long offset, ByteBuffer dst) {
        return call(() -> store.read(offset, dst));
    }

    @Override
    public CompletableFuture<Void> write(FilteredRequest request, long offset, ByteBuffer src, boolean fua) {
        return call(() -> store.write(offset, src));
    }

    @Override
    public CompletableFuture<Void> flush(FilteredRequest request) {
        return DONE;
    }

    @Override
    public CompletableFuture<Void> discard(FilteredRequest request, long offset, long length) {
        return call(ZonedDisk::refuse);
    }

    @Override
    public CompletableFuture<Void> writeZeroes(FilteredRequest request, long offset, long length, boolean mayUnmap) {
        return call(ZonedDisk::refuse);
    }

    private static void refuse() throws BlockIOException {
        throw new BlockIOException(Errno.EOPNOTSUPP, "A zoned device has neither discard nor write-zeroes");
    }

    @Override
    public CompletableFuture<Void> zone(FilteredRequest request) {
        long offset = request.info().offset();
        return call(() -> {
            switch (request.info().operation()) {
                case ZONE_REPORT -> store.report(offset, request.data());
                case ZONE_APPEND ->
                    request.appendedAt(store.append(offset, request.data().duplicate()));
                case ZONE_OPEN -> store.open(offset);
                case ZONE_CLOSE -> store.close(offset);
                case ZONE_FINISH -> store.finish(offset);
                case ZONE_RESET -> store.reset(offset);
                case ZONE_RESET_ALL -> store.resetAll();
                default -> throw new AssertionError(request.info());
            }
        });
    }
}
