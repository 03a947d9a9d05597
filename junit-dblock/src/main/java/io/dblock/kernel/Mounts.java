// SPDX-License-Identifier: Apache-2.0
package io.dblock.kernel;

import java.nio.file.Path;

/** Unmounting by system call: no program is needed when the system is in a bad state. */
public final class Mounts {
    private static final int MNT_DETACH = 2;

    private Mounts() {}

    /** umount2(2); 0 or a negative error. */
    public static int unmount(Path mountPoint) {
        return Libc.INSTANCE.umount(mountPoint.toString(), 0);
    }

    /** Takes the mount out of the tree at once; it ends when its last user does. 0 or a negative error. */
    public static int detach(Path mountPoint) {
        return Libc.INSTANCE.umount(mountPoint.toString(), MNT_DETACH);
    }
}
