// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.DeviceSpec;
import io.dblock.internal.kernel.KernelPath;
import io.dblock.internal.kernel.ProcFs;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** The machine that a device is on: its mounts, its programs, its kernel module. Tests bring their own. */
interface Host {
    /** The one that this JVM runs on. */
    static Host ofThisMachine() {
        return ThisHost.INSTANCE;
    }

    /** Makes the filesystem of the spec on a disk. */
    void format(Path node, DeviceSpec spec);

    /** Mounts the filesystem of the spec. */
    void mount(Path node, Path point, DeviceSpec spec);

    /** Mounts a filesystem that has nothing but one empty directory, and cannot be written to. 0 or a negative error. */
    int mountEmpty(String source, Path point, String directory);

    /** umount2(2); 0 or a negative error. */
    int unmount(Path point);

    /** Takes a mount out of the tree, whoever uses it. 0 or a negative error. */
    int detach(KernelPath point);

    /** The mounts that this process sees, the outermost first. */
    List<ProcFs.Mount> mounts();

    /** The numbers, {@code major:minor}, of a disk's partitions. */
    Set<String> partitions(String disk);

    /** Who uses a disk, one line each. */
    List<String> holders(Path node, List<KernelPath> points);

    /** Whether this JVM maps a file below this directory. */
    boolean isMappedHere(Path directory);

    /** Writes all dirty data of a mounted filesystem. 0, or a negative error if some could not be written, now or before. */
    int syncFilesystem(Path point);

    /** Writes a disk's dirty pages and drops its page cache, what could not be written included. The same result. */
    int flushBuffers(Path node);

    /** Drops the cached files of all filesystems. */
    void dropFiles();

    /** Destroys a device by force, whoever serves it; no error if it is gone. */
    void destroy(int device);
}
