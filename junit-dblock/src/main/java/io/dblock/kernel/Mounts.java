// SPDX-License-Identifier: Apache-2.0
package io.dblock.kernel;

import java.nio.file.Path;

/** Mounting and unmounting by system call: no program is needed when the system is in a bad state. */
public final class Mounts {
    private static final int MNT_DETACH = 2;
    private static final long MS_RDONLY = 1;
    private static final long MS_NOSUID = 2;
    private static final long MS_NODEV = 4;
    private static final long MS_NOEXEC = 8;

    private Mounts() {}

    /** mount(2) of an empty filesystem in memory, which cannot be written to. 0 or a negative error. */
    public static int mountEmpty(String source, Path mountPoint) {
        return Libc.INSTANCE.mount(
                source,
                KernelPath.of(mountPoint).bytes(),
                "tmpfs",
                MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                "size=4k,mode=755");
    }

    /** umount2(2); 0 or a negative error. */
    public static int unmount(Path mountPoint) {
        return Libc.INSTANCE.umount(KernelPath.of(mountPoint).bytes(), 0);
    }

    /** Takes the mount out of the tree at once; it ends when its last user does. 0 or a negative error. */
    public static int detach(KernelPath mountPoint) {
        return Libc.INSTANCE.umount(mountPoint.bytes(), MNT_DETACH);
    }
}
