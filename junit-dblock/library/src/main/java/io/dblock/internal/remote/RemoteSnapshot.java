// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.server.FilterSpec;
import io.dblock.internal.server.ServedDevice;
import io.dblock.internal.server.ServedSnapshot;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;

/** A snapshot that the server process keeps. */
final class RemoteSnapshot implements ServedSnapshot {
    private static final Duration SAVE = Duration.ofMinutes(30);

    private final RemoteServer server;
    /** The proxy of the snapshot in the server process. */
    private final ServedSnapshot snapshot;

    private final AtomicBoolean closed = new AtomicBoolean();

    RemoteSnapshot(RemoteServer server, ServedSnapshot snapshot) {
        this.server = server;
        server.use();
        this.snapshot = snapshot;
    }

    @Override
    public byte[] read(long offset, int length) {
        return snapshot.read(offset, length);
    }

    @Override
    public ServedDevice fork(DeviceParameters parameters, FilterSpec filters) {
        return RemoteDevice.make(server, () -> server.commands().fork(snapshot, parameters, filters));
    }

    @Override
    public void save(Path file) throws IOException {
        server.commands(SAVE).saveSnapshot(snapshot, file.toAbsolutePath().toString());
    }

    /** Frees the snapshot. If the server process is gone, the snapshot is gone, too. */
    @Override
    public void close() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        try {
            if (server.isOpen()) {
                server.commands().closeSnapshot(snapshot);
            }
        } finally {
            server.release();
        }
    }
}
