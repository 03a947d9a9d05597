// SPDX-License-Identifier: Apache-2.0
package io.dblock.kernel;

import io.dblock.DblockException;
import java.nio.file.Path;

/** Calls on a block device's node. */
public final class DiskCalls {
    private static final long BLKFLSBUF = 0x1261; // _IO(0x12, 97), linux/fs.h

    private DiskCalls() {}

    /**
     * Writes a disk's dirty pages and drops its page cache; BLKFLSBUF.
     *
     * @throws DblockException if the disk cannot be opened or a write fails
     */
    public static void flushBuffers(Path node) {
        int result = flush(node);
        if (result < 0) {
            throw new DblockException(
                    "Cannot write the cached data of " + node + " to it: " + Errno.describe(-result) + ".");
        }
    }

    /**
     * Drops the page cache of a disk that takes no more writes, dirty pages included, and uses up the error that the
     * kernel would otherwise report to the next one who calls fsync on the disk.
     *
     * @throws DblockException if the disk cannot be opened
     */
    public static void dropBuffers(Path node) {
        // The first time the dirty pages fail to be written, which makes them clean; the second time they go.
        if (flush(node) < 0) {
            flush(node);
        }
    }

    private static int flush(Path node) {
        int fd = Libc.INSTANCE.open(node.toString(), Linux.O_RDONLY | Linux.O_CLOEXEC);
        if (fd < 0) {
            throw new DblockException("Cannot open " + node + ": " + Errno.describe(-fd) + ".");
        }
        try {
            int synced = Libc.INSTANCE.fsync(fd);
            int dropped = Libc.INSTANCE.ioctl(fd, BLKFLSBUF, 0);
            return synced < 0 ? synced : dropped;
        } finally {
            Libc.INSTANCE.close(fd);
        }
    }

    /**
     * Writes all dirty data of the filesystem mounted here; syncfs(2).
     *
     * @throws DblockException if that fails
     */
    public static void syncFilesystem(Path mountPoint) {
        int fd = Libc.INSTANCE.open(mountPoint.toString(), Linux.O_RDONLY | Linux.O_CLOEXEC);
        if (fd < 0) {
            throw new DblockException("Cannot open " + mountPoint + ": " + Errno.describe(-fd) + ".");
        }
        try {
            int result = Libc.INSTANCE.syncfs(fd);
            if (result < 0) {
                throw new DblockException(
                        "Cannot sync the filesystem at " + mountPoint + ": " + Errno.describe(-result) + ".");
            }
        } finally {
            Libc.INSTANCE.close(fd);
        }
    }
}
