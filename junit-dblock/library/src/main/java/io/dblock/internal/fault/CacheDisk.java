// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.RequestFlag;
import io.dblock.internal.store.BlockLog;
import io.dblock.internal.store.WriteCache;
import java.io.IOException;

/** A built-in store under its write cache. */
public final class CacheDisk implements Disk {
    private final WriteCache cache;
    private final DiskRequest.Locator locator;

    /** Creates a disk over this cache. */
    public CacheDisk(WriteCache cache) {
        this.cache = cache;
        locator = cache::locate;
    }

    @Override
    public BlockLog memory() {
        return cache.memory();
    }

    @Override
    public boolean isQuick() {
        return cache.isInMemory();
    }

    @Override
    public boolean handle(DiskRequest request) throws IOException {
        long offset = request.offset();
        long length = request.length();
        long then = request.position();
        switch (request.operation()) {
            case READ -> {
                if (!request.readInPlace(locator)) {
                    cache.read(offset, request.data(), then);
                }
            }
            case WRITE -> request.addTicket(write(request));
            case FLUSH -> cache.flush(request.sequence(), then);
            case DISCARD -> request.addTicket(cache.discard(offset, length, request.sequence(), request.nanos(), then));
            case WRITE_ZEROES -> {
                boolean mayUnmap = !request.has(RequestFlag.NOUNMAP);
                request.addTicket(
                        cache.writeZeroes(offset, length, mayUnmap, request.sequence(), request.nanos(), then));
            }
            default -> throw new BlockIOException(Errno.EOPNOTSUPP, "This device has no zones");
        }
        return true;
    }

    private long write(DiskRequest request) throws IOException {
        long offset = request.offset();
        boolean fua = request.has(RequestFlag.FUA);
        long sequence = request.sequence();
        long nanos = request.nanos();
        long then = request.position();
        if (request.chunk() == null) {
            return cache.write(offset, request.data(), fua, sequence, nanos, then);
        }
        int length = (int) request.length();
        return cache.write(request.chunk(), request.index(), offset, length, fua, sequence, nanos, then);
    }
}
