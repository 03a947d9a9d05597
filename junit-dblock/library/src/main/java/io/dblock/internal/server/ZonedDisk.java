// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.internal.fault.Disk;
import io.dblock.internal.fault.DiskRequest;
import io.dblock.internal.store.BlockLog;
import io.dblock.internal.store.Chunk;
import io.dblock.internal.store.ZonedStore;
import java.io.IOException;

/** A zoned store. */
final class ZonedDisk implements Disk {
    private final ZonedStore store;
    private final DiskRequest.Locator locator;

    ZonedDisk(ZonedStore store) {
        this.store = store;
        locator = (offset, length, position, found) -> store.locate(offset, length, found);
    }

    @Override
    public BlockLog memory() {
        return store.memory();
    }

    @Override
    public boolean isQuick() {
        return true;
    }

    @Override
    public boolean handle(DiskRequest request) throws IOException {
        long offset = request.offset();
        int length = (int) request.length();
        Chunk chunk = request.chunk();
        switch (request.operation()) {
            case READ -> {
                if (!request.readInPlace(locator)) {
                    store.read(offset, request.data());
                }
            }
            case WRITE -> {
                if (chunk == null) {
                    store.write(offset, request.data());
                } else {
                    store.write(chunk, request.index(), offset, length);
                }
            }
            case ZONE_APPEND ->
                request.appendedAt(
                        chunk == null
                                ? store.append(offset, request.data())
                                : store.append(chunk, request.index(), offset, length));
            case FLUSH -> {
                // There is no write cache: written data is already in the store.
            }
            case ZONE_REPORT -> store.report(offset, request.data());
            case ZONE_OPEN -> store.open(offset);
            case ZONE_CLOSE -> store.close(offset);
            case ZONE_FINISH -> store.finish(offset);
            case ZONE_RESET -> store.reset(offset);
            case ZONE_RESET_ALL -> store.resetAll();
            default ->
                throw new BlockIOException(Errno.EOPNOTSUPP, "A zoned device has neither discard nor write-zeroes");
        }
        return true;
    }
}
