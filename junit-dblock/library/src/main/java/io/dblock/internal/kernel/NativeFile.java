// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import io.dblock.handler.Errno;
import java.io.IOException;
import java.nio.file.Path;

/** An open file for operations that FileChannel lacks. */
public final class NativeFile implements AutoCloseable {
    private final Path path;
    private final int fd;
    private boolean closed;

    private NativeFile(Path path, int fd) {
        this.path = path;
        this.fd = fd;
    }

    /** Opens an existing file for reading and writing. */
    public static NativeFile open(Path path) throws IOException {
        return open(path, Linux.O_RDWR);
    }

    /** Opens an existing file for reading. */
    public static NativeFile openReadOnly(Path path) throws IOException {
        return open(path, Linux.O_RDONLY);
    }

    private static NativeFile open(Path path, int mode) throws IOException {
        int fd = Libc.INSTANCE.open(path.toString(), mode | Linux.O_CLOEXEC);
        if (fd < 0) {
            throw new IOException("Cannot open " + path + ": " + Errno.describe(-fd));
        }
        return new NativeFile(path, fd);
    }

    /**
     * Frees the space of a range, which then reads as zeros; fallocate(2) with FALLOC_FL_PUNCH_HOLE.
     *
     * @return false if the filesystem does not support it
     */
    public synchronized boolean punchHole(long offset, long length) throws IOException {
        if (closed) {
            throw new IOException(path + " is closed");
        }
        int result = Libc.INSTANCE.punchHole(fd, offset, length);
        if (result == -Errno.EOPNOTSUPP.number() || result == -Errno.ENOSYS.number()) {
            return false;
        }
        if (result < 0) {
            throw new IOException("Cannot punch a hole of " + length + " bytes at " + offset + " into " + path + ": "
                    + Errno.describe(-result));
        }
        return true;
    }

    /**
     * Takes space for a range, by fallocate(2). The file becomes longer if the range ends beyond its end.
     *
     * @return 0 or a negative error number; some of the range may have been allocated before the error
     */
    public synchronized int allocate(long offset, long length) throws IOException {
        if (closed) {
            throw new IOException(path + " is closed");
        }
        return Libc.INSTANCE.allocate(fd, offset, length);
    }

    /**
     * Returns where the first data from {@code offset} on is, as far as the filesystem knows; lseek(2) with SEEK_DATA.
     *
     * @return {@code size} if there is no data
     */
    public synchronized long findData(long offset, long size) throws IOException {
        return find(offset, size, Libc.SEEK_DATA, offset);
    }

    /** Returns where the first hole from {@code offset} on is; {@code size} if there is none. */
    public synchronized long findHole(long offset, long size) throws IOException {
        return find(offset, size, Libc.SEEK_HOLE, size);
    }

    /**
     * Finds data or a hole.
     *
     * @param otherwise the result if the filesystem knows no holes
     */
    private long find(long offset, long size, int whence, long otherwise) throws IOException {
        if (closed) {
            throw new IOException(path + " is closed");
        }
        long result = Libc.INSTANCE.seek(fd, offset, whence);
        if (result == -Errno.ENXIO.number()) {
            return size;
        }
        if (result == -Errno.EINVAL.number() || result == -Errno.EOPNOTSUPP.number()) {
            return otherwise;
        }
        if (result < 0) {
            throw new IOException("Cannot look for holes in " + path + ": " + Errno.describe((int) -result));
        }
        return Math.min(result, size);
    }

    /** Closes the file. Idempotent. */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            Libc.INSTANCE.close(fd);
        }
    }
}
