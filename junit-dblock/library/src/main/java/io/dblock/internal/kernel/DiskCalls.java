// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import io.dblock.DblockException;
import io.dblock.handler.Errno;
import java.nio.file.Path;

/** Calls on a block device's node. */
public final class DiskCalls {
    private static final long BLKFLSBUF = 0x1261; // _IO(0x12, 97), linux/fs.h

    private DiskCalls() {}

    /**
     * Writes a disk's dirty pages and drops its page cache, by BLKFLSBUF. Pages that cannot be written are dropped,
     * too. This uses up the error that the next fsync on the disk would otherwise report.
     *
     * @return 0, or a negative error if a page could not be written, now or since an error was last reported
     * @throws DblockException if the disk cannot be opened
     */
    public static int flushBuffers(Path node) {
        int fd = open(node);
        try {
            int result = flush(fd);
            if (result < 0) {
                // Dirty pages that could not be written are clean now. This call drops them.
                flush(fd);
            }
            return result;
        } finally {
            Libc.INSTANCE.close(fd);
        }
    }

    /**
     * Drops a disk's page cache after writing what is dirty, without a flush of the disk: for a disk that is not mounted, and
     * whose content does not matter any longer.
     *
     * @throws DblockException if the disk cannot be opened
     */
    public static void dropBuffers(Path node) {
        int fd = open(node);
        try {
            if (Libc.INSTANCE.ioctl(fd, BLKFLSBUF, 0) < 0) {
                // Dirty pages that could not be written are clean now. This call drops them.
                int unused = Libc.INSTANCE.ioctl(fd, BLKFLSBUF, 0);
            }
        } finally {
            Libc.INSTANCE.close(fd);
        }
    }

    private static int open(Path path) {
        int fd = Libc.INSTANCE.open(path.toString(), Linux.O_RDONLY | Linux.O_CLOEXEC);
        if (fd < 0) {
            throw new DblockException("Cannot open " + path + ": " + Errno.describe(-fd) + ".");
        }
        return fd;
    }

    private static int flush(int fd) {
        int synced = Libc.INSTANCE.fsync(fd);
        int dropped = Libc.INSTANCE.ioctl(fd, BLKFLSBUF, 0);
        return synced < 0 ? synced : dropped;
    }

    /**
     * Writes all dirty data of the filesystem mounted here, by syncfs(2).
     *
     * @return 0, or a negative error if data could not be written, now or since an error was last reported
     * @throws DblockException if the directory cannot be opened
     */
    public static int syncFilesystem(Path mountPoint) {
        int fd = open(mountPoint);
        try {
            return Libc.INSTANCE.syncfs(fd);
        } finally {
            Libc.INSTANCE.close(fd);
        }
    }
}
