// SPDX-License-Identifier: Apache-2.0
package io.dblock.server;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/** A snapshot of a device, kept by its server; see {@link io.dblock.Snapshot}. */
public interface ServedSnapshot extends AutoCloseable {

    /** Fills {@code dst} with the content at {@code offset}. */
    void read(long offset, ByteBuffer dst);

    /** Writes it to an image file, replacing one that is there. */
    void save(Path file) throws IOException;

    /** Idempotent. */
    @Override
    void close();
}
