// SPDX-License-Identifier: Apache-2.0
package io.dblock.kernel;

import java.io.IOException;
import java.nio.file.Path;

/** An open file, for what FileChannel has no call for. */
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
        int fd = Libc.INSTANCE.open(path.toString(), Linux.O_RDWR | Linux.O_CLOEXEC);
        if (fd < 0) {
            throw new IOException("Cannot open " + path + ": " + Errno.describe(-fd));
        }
        return new NativeFile(path, fd);
    }

    /**
     * Gives the space of a range back, so that it reads as zeros; fallocate(2) with FALLOC_FL_PUNCH_HOLE.
     *
     * @return false if the filesystem cannot
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

    /** Closes it. Idempotent. */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            Libc.INSTANCE.close(fd);
        }
    }
}
