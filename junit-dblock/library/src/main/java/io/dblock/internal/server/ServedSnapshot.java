// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.internal.kernel.DeviceParameters;
import java.io.IOException;
import java.nio.file.Path;

/** A snapshot of a device, kept by the server of the device; see {@link io.dblock.Snapshot}. */
public interface ServedSnapshot extends AutoCloseable {

    /** Returns the {@code length} bytes at {@code offset}; at most 1 MiB at once. */
    byte[] read(long offset, int length);

    /** Creates a device with this content on the same server, and serves it; the caller starts it. */
    ServedDevice fork(DeviceParameters parameters, FilterSpec filters);

    /** Writes the content to an image file, and replaces an existing file. */
    void save(Path file) throws IOException;

    /** Idempotent. */
    @Override
    void close();
}
