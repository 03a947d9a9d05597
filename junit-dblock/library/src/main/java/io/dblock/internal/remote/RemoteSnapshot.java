// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.server.FilterSpec;
import io.dblock.internal.server.ServedDevice;
import io.dblock.internal.server.ServedSnapshot;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;

/** A snapshot that the server process keeps. */
final class RemoteSnapshot implements ServedSnapshot {
    private static final int AT_ONCE = 1 << 20;
    private static final Duration SAVE = Duration.ofMinutes(30);

    private final RemoteServer server;
    private final long number;
    private final AtomicBoolean closed = new AtomicBoolean();

    RemoteSnapshot(RemoteServer server, long number) {
        this.server = server;
        server.use();
        this.number = number;
    }

    @Override
    public void read(long offset, ByteBuffer dst) {
        long at = offset;
        // Also if nothing is asked for: the range is checked all the same.
        do {
            int length = Math.min(AT_ONCE, dst.remaining());
            dst.put(server.commands().readSnapshot(number, at, length));
            at += length;
        } while (dst.hasRemaining());
    }

    @Override
    public ServedDevice fork(DeviceParameters parameters, FilterSpec filters) {
        return RemoteDevice.make(server, () -> server.commands().fork(number, parameters, filters));
    }

    @Override
    public void save(Path file) throws IOException {
        server.commands(SAVE).saveSnapshot(number, file.toAbsolutePath().toString());
    }

    /** Of a server that is gone, the snapshot is gone, too. */
    @Override
    public void close() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        try {
            if (server.isOpen()) {
                server.commands().closeSnapshot(number);
            }
        } finally {
            server.release();
        }
    }
}
