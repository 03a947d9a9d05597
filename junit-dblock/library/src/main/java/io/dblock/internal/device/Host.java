// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.DeviceSpec;
import io.dblock.Filesystem;
import io.dblock.handler.Place;
import io.dblock.internal.files.FileMap;
import io.dblock.internal.kernel.KernelPath;
import io.dblock.internal.kernel.ProcFs;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** The machine that a device is on: its mounts, its programs, its kernel module. Unit tests have their own. */
interface Host {
    /** Returns the machine that this JVM runs on. */
    static Host ofThisMachine() {
        return ThisHost.INSTANCE;
    }

    /** Makes the filesystem of the spec on a disk, and waits until udev has examined it. */
    void format(Path node, DeviceSpec spec);

    /** Mounts the filesystem of the spec. */
    void mount(Path node, Path point, DeviceSpec spec);

    /** Mounts a read-only tmpfs with one empty directory. Returns 0 or a negative error number. */
    int mountEmpty(String source, Path point, String directory);

    /** Calls umount2(2). Returns 0 or a negative error number. */
    int unmount(Path point);

    /** Detaches a mount, even if it is in use. Returns 0 or a negative error number. */
    int detach(KernelPath point);

    /** Returns the mounts that this process sees, outermost first. */
    List<ProcFs.Mount> mounts();

    /** Returns the device numbers of a disk's partitions, as {@code major:minor}. */
    Set<String> partitions(String disk);

    /** Returns the users of a disk and of these mount points, one line each. */
    List<String> holders(Path node, List<KernelPath> points);

    /** Returns whether this JVM maps a file below this directory. */
    boolean isMappedHere(Path directory);

    /**
     * Writes all dirty data of a mounted filesystem. Returns 0, or a negative error number if some data could not be
     * written, now or in an earlier attempt.
     */
    int syncFilesystem(Path point);

    /**
     * Writes a disk's dirty pages and drops its page cache, including pages that could not be written. Returns the same as
     * {@link #syncFilesystem}.
     */
    int flushBuffers(Path node);

    /**
     * Drops the page cache of a disk that is not mounted, after writing what is dirty, and without a flush: errors and what is
     * durable do not matter any longer.
     */
    void dropBuffers(Path node);

    /** Drops the cached files of all filesystems. */
    void dropFiles();

    /** Fills the filesystem that is mounted here, so that it has {@code leave} bytes left. */
    void fill(Path point, Filesystem filesystem, long leave);

    /** Takes all inodes of the filesystem that is mounted here. */
    void fillInodes(Path point, Filesystem filesystem);

    /** Gives back what {@link #fill} and {@link #fillInodes} have taken. */
    void free(Path point, Filesystem filesystem);

    /** Makes durable the names in the filesystem that is mounted here. */
    void syncNames(Path point, Filesystem filesystem);

    /** Looks at the files of the filesystem that is mounted here. */
    FileMap files(Path point, Filesystem filesystem);

    /** Returns where the files are that this path or glob names, in the filesystem that is mounted here. */
    List<Place> places(Path point, Filesystem filesystem, String path);

    /** Returns the own parts of the filesystem that is on this disk and mounted here. */
    FileMap parts(Path node, Path point, Filesystem filesystem);

    /** Destroys the device with this number by force, whichever process serves it. Does nothing if it is gone. */
    void destroy(int device);
}
