// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import java.nio.file.Path;

/** Mounts and unmounts by system call: this needs no program, even if the system is in a bad state. */
public final class Mounts {
    private static final int MNT_DETACH = 2;
    /** For everybody. */
    private static final int READ_AND_SEARCH = 0555;

    private Mounts() {}

    /** mount(2) of the filesystem on a disk; 0 or a negative error. It may wait for the disk. */
    public static int mount(Path node, Path mountPoint, String type, MountOptions options) {
        return Libc.INSTANCE.mount(
                node.toString(), KernelPath.of(mountPoint).bytes(), type, options.flags(), options.data());
    }

    /**
     * mount(2) of a read-only filesystem in memory with nothing but one empty directory; returns 0 or a negative error.
     */
    public static int mountEmpty(String source, Path mountPoint, String directory) {
        int result = mountTmpfs(source, mountPoint, 0);
        if (result < 0) {
            return result;
        }
        result =
                Libc.INSTANCE.mkdir(KernelPath.of(mountPoint.resolve(directory)).bytes(), READ_AND_SEARCH);
        if (result == 0) {
            result = mountTmpfs(source, mountPoint, MountOptions.REMOUNT | MountOptions.RDONLY);
        }
        if (result < 0) {
            detach(KernelPath.of(mountPoint));
        }
        return result;
    }

    private static int mountTmpfs(String source, Path mountPoint, long flags) {
        return Libc.INSTANCE.mount(
                source,
                KernelPath.of(mountPoint).bytes(),
                "tmpfs",
                flags | MountOptions.NOSUID | MountOptions.NODEV | MountOptions.NOEXEC,
                "size=4k,mode=755");
    }

    /** umount2(2); returns 0 or a negative error. */
    public static int unmount(Path mountPoint) {
        return Libc.INSTANCE.umount(KernelPath.of(mountPoint).bytes(), 0);
    }

    /** Removes the mount from the tree at once; it ends with its last user. Returns 0 or a negative error. */
    public static int detach(KernelPath mountPoint) {
        return Libc.INSTANCE.umount(mountPoint.bytes(), MNT_DETACH);
    }
}
