// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.DblockException;
import io.dblock.DeviceSpec;
import io.dblock.handler.Errno;
import io.dblock.internal.kernel.BusyWait;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.kernel.KernelPath;
import io.dblock.internal.kernel.ProcFs;
import io.dblock.internal.server.ServedDevice;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/**
 * Where a device is mounted, by itself and by others, and who uses it. What changes a mount is for one thread at a time,
 * as its device sees to; anybody may ask where it is.
 */
final class DeviceMounts {
    /** The source of the mount that has the mount point. */
    private static final String COVER = "junit-dblock";
    /** What the mount point is called in it. */
    private static final String POINT = "disk";

    private final Host host;
    private final RunDirectory runs;
    private final ServedDevice served;
    private final Supplier<DeviceSpec> spec;
    private final String name;
    private final Path node;
    private volatile Optional<Path> point = Optional.empty();
    private volatile Optional<Path> covered = Optional.empty();
    private volatile List<ProcFs.Mount> remembered = List.of();

    /** {@code spec} gives what the device is like now. */
    DeviceMounts(ServedDevice served, Supplier<DeviceSpec> spec, String name, RunDirectory runs, Host host) {
        this.served = served;
        this.spec = spec;
        this.name = name;
        this.runs = runs;
        this.host = host;
        node = DeviceNode.of(name);
    }

    /** Where {@link #mount()} has mounted it. */
    Optional<Path> point() {
        return point;
    }

    /** Makes the filesystem. */
    void format() {
        host.format(node, spec.get());
    }

    /** Mounts it in the run's directory. */
    Path mount() {
        Path directory = runs.createMountDirectory(name);
        cover(directory);
        Path disk = directory.resolve(POINT);
        host.mount(node, disk, spec.get());
        point = Optional.of(disk);
        return disk;
    }

    /**
     * Mounts a read-only filesystem that has nothing but the mount point. Without it, what is written to the path while the
     * disk is not mounted would go to the machine's own filesystem, and be read back as if the disk had it. The disk is not
     * mounted on top of it, at one path: whoever looks for that in the table of mounts would find the lower one first, as
     * {@link java.nio.file.Files#getFileStore} does.
     */
    private void cover(Path directory) {
        covered = Optional.of(directory);
        if (isCovered(directory)) {
            return;
        }
        int result = host.mountEmpty(COVER, directory, POINT);
        if (result < 0) {
            throw new DblockException("Cannot mount an empty tmpfs at " + directory
                    + ", which keeps writes off the mount point while the disk is not mounted: "
                    + Errno.describe(-result) + "."
                    + (result == -Errno.EPERM.number() || result == -Errno.EACCES.number()
                            ? " Mounting needs root: run the build as root, or in a guest."
                            : ""));
        }
    }

    private boolean isCovered(Path directory) {
        KernelPath path = KernelPath.of(directory);
        return host.mounts().stream().anyMatch(mount -> mount.point().equals(path) && isCover(mount));
    }

    private boolean isMountPoint(Path directory) {
        KernelPath path = KernelPath.of(directory);
        return host.mounts().stream().anyMatch(mount -> mount.point().equals(path));
    }

    /** Whether this mount has the mount point of a device, of this JVM or another. */
    static boolean isCover(ProcFs.Mount mount) {
        return mount.source().equals(COVER) && mount.type().equals("tmpfs");
    }

    /** To be called before the device goes: removes the cover and the directory that it is mounted on. */
    void uncover() {
        if (covered.isEmpty() || isMountPoint(covered.get().resolve(POINT))) {
            return;
        }
        KernelPath path = KernelPath.of(covered.get());
        int result = host.detach(path);
        if (result < 0 && !isGone(result)) {
            throw cannotDetach(path, result);
        }
        runs.removeMountDirectory(name);
    }

    /** How to call what may wait for the disk. */
    interface Caller {
        <T> T call(String what, Supplier<T> call);
    }

    /** Unmounts if that is possible soon; else says who uses it. */
    List<String> tryUnmount(boolean afterCut, Caller caller) {
        if (point.isEmpty()) {
            return List.of();
        }
        Path mounted = point.get();
        return whileBusy(afterCut).until(() -> {
            int result = caller.call("umount " + mounted, () -> host.unmount(mounted));
            if (result == 0 || isGone(result)) {
                point = Optional.empty();
                return true;
            }
            if (result != -Errno.EBUSY.number()) {
                throw new DblockException("Cannot unmount " + mounted + ": " + Errno.describe(-result)
                        + (result == -Errno.EPERM.number() ? ". Unmounting needs root." : "."));
            }
            return false;
        });
    }

    /** Somebody has unmounted it already. */
    private static boolean isGone(int result) {
        return result == -Errno.EINVAL.number() || result == -Errno.ENOENT.number();
    }

    private static DblockException cannotDetach(KernelPath mounted, int result) {
        return new DblockException("Cannot take the mount at " + mounted + " away: " + Errno.describe(-result) + ".");
    }

    /** Takes a mount of it out of the tree, whoever uses it. */
    void detach(KernelPath mounted, Caller caller) {
        int result = caller.call("umount -l " + mounted, () -> host.detach(mounted));
        if (result < 0 && !isGone(result)) {
            throw cannotDetach(mounted, result);
        }
        if (point.map(KernelPath::of).equals(Optional.of(mounted))) {
            point = Optional.empty();
        }
    }

    /**
     * After a cut, files that are open and that nothing refers to any more are as those of a process that has died, and are
     * collected; otherwise they are a leak to be reported.
     */
    BusyWait whileBusy(boolean afterCut) {
        return new BusyWait(
                this::holders,
                () -> afterCut || point.map(host::isMappedHere).orElse(false),
                System::gc,
                System::nanoTime,
                BusyWait::pause);
    }

    /** Who uses it, one line each. */
    private List<String> holders() {
        List<KernelPath> points = new ArrayList<>();
        point.map(KernelPath::of).ifPresent(points::add);
        foreign().forEach(mount -> points.add(mount.point()));
        return host.holders(node, points);
    }

    /** Who uses it by way of this mount. */
    List<String> holders(ProcFs.Mount mount) {
        return host.holders(node, List.of(mount.point()));
    }

    /** To be called before the device goes: who else has mounted it cannot be found out afterwards. */
    void remember() {
        remembered = foreign();
    }

    /** Where the device or a partition of it is mounted in this process's namespace, but by {@link #mount()}. */
    List<ProcFs.Mount> foreign() {
        DeviceInfo info;
        try {
            info = served.info();
        } catch (ControlException e) {
            // It is gone. Its number may be another's by now, but not as long as what was mounted then still is.
            List<ProcFs.Mount> left = new ArrayList<>(remembered);
            left.retainAll(host.mounts());
            return left;
        }
        if (info.openers() == 0) {
            return List.of(); // A mount is an opener, also one of a partition.
        }
        Set<String> numbers = new HashSet<>(host.partitions(name));
        numbers.add(info.major() + ":" + info.minor());
        List<ProcFs.Mount> mounts = new ArrayList<>();
        for (ProcFs.Mount mount : host.mounts()) {
            // btrfs has device numbers of its own, 0:n; the name is this device's alone as long as it is mounted.
            boolean ours = numbers.contains(mount.device())
                    || (mount.device().startsWith("0:") && mount.source().equals(node.toString()));
            if (ours && !point.map(KernelPath::of).equals(Optional.of(mount.point()))) {
                mounts.add(mount);
            }
        }
        // The innermost first.
        Collections.reverse(mounts);
        return mounts;
    }
}
