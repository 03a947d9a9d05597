// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.BlockHandler;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.WriteFlags;
import io.dblock.internal.fault.Disk;
import io.dblock.internal.fault.FilteredRequest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * A user's handler in blocking form, below the fault rules. An exception fails the part of the request that the handler was
 * called for, and is added to the failures of the device.
 */
final class HandlerDisk implements Disk {
    private static final CompletableFuture<Void> DONE = CompletableFuture.completedFuture(null);

    private final BlockHandler handler;
    private final Consumer<Throwable> failures;

    HandlerDisk(BlockHandler handler, Consumer<Throwable> failures) {
        this.handler = handler;
        this.failures = failures;
    }

    private interface Call {
        void run() throws IOException;
    }

    private CompletableFuture<Void> call(Call call) {
        try {
            call.run();
            return DONE;
        } catch (Throwable t) {
            failures.accept(t);
            return CompletableFuture.failedFuture(t);
        }
    }

    /** Throws unless the handler's read has filled {@code dst}. */
    static void checkFilled(ByteBuffer dst, long offset, long length) throws BlockIOException {
        if (dst.hasRemaining()) {
            throw new BlockIOException(
                    Errno.EIO,
                    "The handler's read(" + offset + ", dst) left " + dst.remaining() + " of " + length
                            + " bytes unfilled. It has to fill dst up to its limit; with absolute puts, set"
                            + " dst.position(dst.limit()) at the end.");
        }
    }

    @Override
    public CompletableFuture<Void> read(FilteredRequest request, long offset, ByteBuffer dst) {
        return call(() -> {
            int length = dst.remaining();
            handler.read(offset, dst);
            checkFilled(dst, offset, length);
        });
    }

    @Override
    public CompletableFuture<Void> write(FilteredRequest request, long offset, ByteBuffer src, boolean fua) {
        return call(() -> handler.write(
                offset,
                src.asReadOnlyBuffer(),
                new WriteFlags(
                        fua,
                        request.info().has(RequestFlag.META),
                        request.info().has(RequestFlag.SYNC))));
    }

    @Override
    public CompletableFuture<Void> flush(FilteredRequest request) {
        return call(handler::flush);
    }

    @Override
    public CompletableFuture<Void> discard(FilteredRequest request, long offset, long length) {
        return call(() -> handler.discard(offset, length));
    }

    @Override
    public CompletableFuture<Void> writeZeroes(FilteredRequest request, long offset, long length, boolean mayUnmap) {
        return call(() -> handler.writeZeroes(offset, length, mayUnmap));
    }
}
