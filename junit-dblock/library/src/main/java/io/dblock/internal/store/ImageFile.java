// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.internal.kernel.NativeFile;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** The file with a device's data. Nothing else may change its size while it is open. */
final class ImageFile implements Source {
    private static final int ZEROS = 1 << 20;

    private final Path file;
    private final FileChannel channel;
    private final NativeFile holes;
    private volatile long size;

    /** Opens a file. Its size must not be 0 and must be a multiple of the logical block, which is in bytes. */
    ImageFile(Path file, boolean writable, int logicalBlockSize) throws IOException {
        this.file = file;
        channel = writable
                ? FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)
                : FileChannel.open(file, StandardOpenOption.READ);
        boolean done = false;
        try {
            size = channel.size();
            if (size == 0 || size % logicalBlockSize != 0) {
                throw new IllegalArgumentException("The image " + file + " has " + size
                        + " bytes. Allowed: a multiple of the logical block (" + logicalBlockSize
                        + " bytes), at least one. Pad it with \"truncate -s %" + logicalBlockSize + " " + file
                        + "\", or choose another logical block.");
            }
            holes = writable ? NativeFile.open(file) : NativeFile.openReadOnly(file);
            done = true;
        } finally {
            if (!done) {
                channel.close();
            }
        }
    }

    @Override
    public long size() {
        return size;
    }

    /** Changes the size. */
    void resize(long bytes) throws IOException {
        if (bytes < size) {
            // First, so that nobody reads beyond the new end.
            size = bytes;
            channel.truncate(bytes);
        } else if (bytes > size) {
            channel.write(ByteBuffer.allocate(1), bytes - 1);
            size = bytes;
        }
    }

    void checkRange(long offset, long length) {
        if (offset < 0 || length < 0 || offset > size - length) {
            throw new IndexOutOfBoundsException("The range of " + length + " bytes at " + offset + " is not within the "
                    + size + " bytes of " + file + ".");
        }
    }

    @Override
    public void read(long offset, ByteBuffer dst) throws IOException {
        checkRange(offset, dst.remaining());
        long at = offset;
        while (dst.hasRemaining()) {
            int got = channel.read(dst, at);
            if (got < 0) {
                throw new EOFException(
                        "The image " + file + " had " + size + " bytes when it was opened and now ends at "
                                + channel.size() + ": it was truncated while a device was using it.");
            }
            at += got;
        }
    }

    void write(long offset, ByteBuffer src) throws IOException {
        checkRange(offset, src.remaining());
        long at = offset;
        while (src.hasRemaining()) {
            at += channel.write(src, at);
        }
    }

    void zero(long offset, long length, boolean mayUnmap) throws IOException {
        checkRange(offset, length);
        if (length == 0 || (mayUnmap && holes.punchHole(offset, length))) {
            return;
        }
        ByteBuffer zeros = ByteBuffer.allocate((int) Math.min(ZEROS, length));
        long at = offset;
        while (at < offset + length) {
            zeros.clear().limit((int) Math.min(zeros.capacity(), offset + length - at));
            at += channel.write(zeros, at);
        }
    }

    void force() throws IOException {
        channel.force(false);
    }

    @Override
    public long findData(long from, long end) throws IOException {
        checkRange(from, end - from);
        return from == end ? end : Math.min(Math.max(holes.findData(from, size), from), end);
    }

    @Override
    public long findHole(long from, long end) throws IOException {
        checkRange(from, end - from);
        return from == end ? end : Math.min(Math.max(holes.findHole(from, size), from), end);
    }

    @Override
    public void close() throws IOException {
        channel.close();
        holes.close();
    }

    @Override
    public String toString() {
        return file.toString();
    }
}
