// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.DblockException;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.store.StoreSnapshot;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/** A snapshot of a device that this JVM serves. */
final class LocalSnapshot implements ServedSnapshot {
    private final StoreSnapshot snapshot;

    LocalSnapshot(StoreSnapshot snapshot) {
        this.snapshot = snapshot;
    }

    @Override
    public ServedDevice fork(DeviceParameters parameters, FilterSpec filters) {
        return LocalServer.instance().create(parameters, filters, snapshot.fork());
    }

    @Override
    public byte[] read(long offset, int length) {
        byte[] bytes = new byte[length];
        try {
            snapshot.read(offset, ByteBuffer.wrap(bytes));
            return bytes;
        } catch (IOException e) {
            throw new DblockException("A snapshot cannot be read at " + offset + ": " + e, e);
        }
    }

    @Override
    public void save(Path file) throws IOException {
        snapshot.save(file);
    }

    @Override
    public void close() {
        try {
            snapshot.close();
        } catch (IOException e) {
            throw new DblockException("A snapshot cannot be closed: " + e, e);
        }
    }
}
