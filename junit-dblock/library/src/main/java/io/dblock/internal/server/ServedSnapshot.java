// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.internal.kernel.DeviceParameters;
import java.io.IOException;
import java.nio.file.Path;

/** A snapshot of a device, kept by its server; see {@link io.dblock.Snapshot}. */
public interface ServedSnapshot extends AutoCloseable {

    /** The {@code length} bytes at {@code offset}; at most a MiB. */
    byte[] read(long offset, int length);

    /** Creates a device with this content on the same server, and serves it. It is not started yet. */
    ServedDevice fork(DeviceParameters parameters, FilterSpec filters);

    /** Writes it to an image file, replacing one that is there. */
    void save(Path file) throws IOException;

    /** Idempotent. */
    @Override
    void close();
}
