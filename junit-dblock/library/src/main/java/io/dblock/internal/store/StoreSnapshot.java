// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The content of a disk at one instant. Later changes of the disk do not affect it. Safe for use by several threads.
 */
public final class StoreSnapshot implements Source {
    private static final int COPY = 1 << 20;

    /** Never written to. */
    private final MemoryStore content;

    private volatile boolean closed;

    StoreSnapshot(MemoryStore content) {
        this.content = content;
    }

    @Override
    public long size() {
        return content.size();
    }

    @Override
    public void read(long offset, ByteBuffer dst) throws IOException {
        if (closed) {
            throw new IllegalStateException("This snapshot is closed.");
        }
        if (offset < 0 || offset > size() - dst.remaining()) {
            throw new IndexOutOfBoundsException("The range of " + dst.remaining() + " bytes at " + offset
                    + " is not within the " + size() + " bytes of this snapshot.");
        }
        content.read(offset, dst);
    }

    @Override
    public long findData(long from, long end) throws IOException {
        return content.findData(from, end);
    }

    @Override
    public long findHole(long from, long end) throws IOException {
        return content.findHole(from, end);
    }

    /**
     * Returns an independent store that starts with this content. It can outlive the snapshot.
     *
     * @throws IllegalStateException if the snapshot is closed
     */
    public MemoryStore fork() {
        content.log.lock.lock();
        try {
            if (closed) {
                throw new IllegalStateException("This snapshot is closed. Fork it before closing it.");
            }
            return content.with(content.index.copy(), size());
        } finally {
            content.log.lock.unlock();
        }
    }

    /** Writes the content to an image file and replaces the content of the file. Ranges of zeros become holes. */
    public void save(Path file) throws IOException {
        boolean done = false;
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            ByteBuffer buffer = ByteBuffer.allocateDirect(COPY);
            long at = findData(0, size());
            while (at < size()) {
                buffer.clear().limit((int) Math.min(COPY, findHole(at, Math.min(at + COPY, size())) - at));
                read(at, buffer);
                buffer.flip();
                while (buffer.hasRemaining()) {
                    at += channel.write(buffer, at);
                }
                at = findData(at, size());
            }
            if (channel.size() < size()) {
                channel.write(ByteBuffer.allocate(1), size() - 1);
            }
            done = true;
        } finally {
            if (!done) {
                Files.deleteIfExists(file);
            }
        }
    }

    /** Closes the snapshot. What only it has is freed. Idempotent. */
    @Override
    public void close() throws IOException {
        closed = true;
        content.close();
    }
}
