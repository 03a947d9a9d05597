// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.handler.BlockHandler;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * The content of a disk at one time. It is kept as long as the rule, or a request that is to read it, needs it.
 * Thread-safe.
 */
final class StaleContent implements Disk {
    private final BlockHandler snapshot;
    // Guarded by this.
    private int users = 1;

    /** Takes over the snapshot; the creator is the first user. */
    StaleContent(BlockHandler snapshot) {
        this.snapshot = snapshot;
    }

    /** Does a read. */
    @Override
    public boolean handle(DiskRequest request) throws IOException {
        ByteBuffer dst = request.data();
        snapshot.read(request.offset(), dst);
        if (dst.hasRemaining()) {
            throw new IOException("The snapshot has left " + dst.remaining() + " bytes unread.");
        }
        return true;
    }

    synchronized void retain() {
        users++;
    }

    void release() {
        boolean last;
        synchronized (this) {
            last = --users == 0;
        }
        if (last) {
            try {
                snapshot.close();
            } catch (IOException e) {
                throw new java.io.UncheckedIOException("Closing the snapshot for stale reads failed", e);
            }
        }
    }
}
