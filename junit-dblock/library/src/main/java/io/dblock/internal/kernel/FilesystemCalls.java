// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import io.dblock.handler.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/** Calls on a mounted filesystem. Those that return a number return 0 or a negative error number. */
public final class FilesystemCalls {
    /** More than any C library's struct statvfs has. */
    private static final int STATVFS_SIZE = 256;

    // In units of long; the order is that of glibc and musl on 64-bit machines.
    private static final int FRAGMENT = 1;
    private static final int FREE = 3;
    private static final int AVAILABLE = 4;
    private static final int FREE_INODES = 6;
    private static final int FLAGS = 9;

    private static final long ST_RDONLY = 1;

    // linux/btrfs.h: _IOR(0x94, 24, __u64), _IOW(0x94, 22, __u64).
    private static final long BTRFS_START_SYNC = 0x80089418L;
    private static final long BTRFS_WAIT_SYNC = 0x40089416L;

    private FilesystemCalls() {}

    /**
     * What statvfs(3) says of a filesystem.
     *
     * @param block the unit of space, in bytes
     * @param free what root can take, in bytes
     * @param available what others can take, in bytes
     * @param freeInodes how many inodes are free; what it means depends on the filesystem
     */
    public record Space(long block, long free, long available, long freeInodes, boolean readOnly) {}

    /** Returns what the filesystem of this directory has left. */
    public static Space space(Path directory) throws IOException {
        NativeMemory memory = NativeMemory.allocate(STATVFS_SIZE);
        int result = Libc.INSTANCE.statvfs(KernelPath.of(directory).bytes(), memory.address());
        if (result < 0) {
            throw new IOException("statvfs(3) of " + directory + " failed: " + Errno.describe(-result));
        }
        ByteBuffer said = memory.buffer();
        long block = said.getLong(FRAGMENT * Long.BYTES);
        return new Space(
                block,
                said.getLong(FREE * Long.BYTES) * block,
                said.getLong(AVAILABLE * Long.BYTES) * block,
                said.getLong(FREE_INODES * Long.BYTES),
                (said.getLong(FLAGS * Long.BYTES) & ST_RDONLY) != 0);
    }

    /** Creates an empty file. */
    public static int createFile(Path file) {
        return Libc.INSTANCE.createFile(file.toString());
    }

    /** Creates a directory that only its owner can use. */
    public static int createDirectory(Path directory) {
        return Libc.INSTANCE.mkdir(KernelPath.of(directory).bytes(), 0700);
    }

    /**
     * Makes durable what has happened to the names in a filesystem with one journal for all of them, and no file's data:
     * changes the root directory, and syncs it. Its mode stays; a change to the same value is one, too.
     */
    public static int commitJournal(Path root) throws IOException {
        Files.setAttribute(root, "unix:mode", Files.getAttribute(root, "unix:mode"));
        return withOpen(root, Libc.INSTANCE::fsync);
    }

    /** Commits the running transaction of btrfs, and writes no file's data. */
    public static int commitBtrfs(Path root) {
        try (NativeMemory transaction = NativeMemory.allocate(Long.BYTES)) {
            return withOpen(root, fd -> {
                int started = Libc.INSTANCE.ioctl(fd, BTRFS_START_SYNC, transaction.address());
                return started < 0 ? started : Libc.INSTANCE.ioctl(fd, BTRFS_WAIT_SYNC, transaction.address());
            });
        }
    }

    private interface Call {
        int of(int fd);
    }

    private static int withOpen(Path path, Call call) {
        int fd = Libc.INSTANCE.open(path.toString(), Linux.O_RDONLY | Linux.O_CLOEXEC);
        if (fd < 0) {
            return fd;
        }
        try {
            return call.of(fd);
        } finally {
            Libc.INSTANCE.close(fd);
        }
    }
}
