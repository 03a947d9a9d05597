// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.BlockHandler;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.WriteFlags;
import io.dblock.internal.fault.Disk;
import io.dblock.internal.fault.DiskRequest;
import java.io.IOException;
import java.nio.ByteBuffer;

/** A user's handler in blocking form. */
final class HandlerDisk implements Disk {
    private final BlockHandler handler;

    HandlerDisk(BlockHandler handler) {
        this.handler = handler;
    }

    @Override
    public boolean handle(DiskRequest request) throws IOException {
        long offset = request.offset();
        long length = request.length();
        switch (request.operation()) {
            case READ -> {
                ByteBuffer dst = request.data();
                handler.read(offset, dst);
                checkFilled(dst, offset, length);
            }
            case WRITE ->
                handler.write(
                        offset,
                        request.data(),
                        new WriteFlags(
                                request.has(RequestFlag.FUA),
                                request.has(RequestFlag.META),
                                request.has(RequestFlag.SYNC)));
            case FLUSH -> handler.flush();
            case DISCARD -> handler.discard(offset, length);
            case WRITE_ZEROES -> handler.writeZeroes(offset, length, !request.has(RequestFlag.NOUNMAP));
            default -> throw new BlockIOException(Errno.EOPNOTSUPP, "A handler has no zones");
        }
        return true;
    }

    /** Throws unless the handler's read has filled {@code dst}. */
    private static void checkFilled(ByteBuffer dst, long offset, long length) throws BlockIOException {
        if (dst.hasRemaining()) {
            throw new BlockIOException(
                    Errno.EIO,
                    "The handler's read(" + offset + ", dst) left " + dst.remaining() + " of " + length
                            + " bytes unfilled. It has to fill dst up to its limit; with absolute puts, set"
                            + " dst.position(dst.limit()) at the end.");
        }
    }
}
