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
 * The mounts of a device, by this library and by others, and the processes that use them. One thread at a time may
 * change mounts, which the {@link DeviceLock} ensures; any thread may call {@link #point()}.
 */
final class DeviceMounts {
    /** The source of the cover: the tmpfs that has the mount point in it. */
    private static final String COVER = "junit-dblock";
    /** The name of the mount point in the cover. */
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

    /** {@code spec} returns the current spec of the device. */
    DeviceMounts(ServedDevice served, Supplier<DeviceSpec> spec, String name, RunDirectory runs, Host host) {
        this.served = served;
        this.spec = spec;
        this.name = name;
        this.runs = runs;
        this.host = host;
        node = DeviceNode.of(name);
    }

    /** Returns where {@link #mount()} has mounted the device; empty if it is not mounted. */
    Optional<Path> point() {
        return point;
    }

    void format() {
        host.format(node, spec.get());
    }

    /** Mounts the device in the directory of this run. */
    Path mount() {
        Path directory = runs.createMountDirectory(name);
        cover(directory);
        Path disk = directory.resolve(POINT);
        host.mount(node, disk, spec.get());
        point = Optional.of(disk);
        return disk;
    }

    /**
     * Mounts the cover: a read-only tmpfs that has only the mount point in it. Without it, a write to the path while the
     * disk is not mounted would go to the machine's own filesystem, and reads would return it as if it were on the disk.
     * The disk has its own directory in the cover, because a search of the mount table for a path with two mounts, such as
     * that of {@link java.nio.file.Files#getFileStore}, finds the lower one first.
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

    /** Returns whether this mount is the cover of a device, of this JVM or another. */
    static boolean isCover(ProcFs.Mount mount) {
        return mount.source().equals(COVER) && mount.type().equals("tmpfs");
    }

    /** Removes the cover and its directory, unless a disk is mounted there. Must be called before the device is removed. */
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

    /** Makes a call that may wait for the disk. Errors name the call as {@code what}. */
    interface Caller {
        <T> T call(String what, Supplier<T> call);
    }

    /** Unmounts the device and returns an empty list; if it stays busy, returns its users instead, one line each. */
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

    /** Returns whether this result of umount2(2) means that nothing is mounted there any more. */
    private static boolean isGone(int result) {
        return result == -Errno.EINVAL.number() || result == -Errno.ENOENT.number();
    }

    private static DblockException cannotDetach(KernelPath mounted, int result) {
        return new DblockException("Cannot take the mount at " + mounted + " away: " + Errno.describe(-result) + ".");
    }

    /** Detaches a mount of the device, even if it is in use. */
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
     * Returns a wait for the device to become unused. Open files without references are a leak to report. After a power
     * cut, however, their process would have died, so a garbage collection closes them.
     */
    BusyWait whileBusy(boolean afterCut) {
        return new BusyWait(
                this::holders,
                () -> afterCut || point.map(host::isMappedHere).orElse(false),
                System::gc,
                System::nanoTime,
                BusyWait::pause);
    }

    /** Returns the users of the device, one line each. */
    private List<String> holders() {
        List<KernelPath> points = new ArrayList<>();
        point.map(KernelPath::of).ifPresent(points::add);
        foreign().forEach(mount -> points.add(mount.point()));
        return host.holders(node, points);
    }

    /** Returns the users of the device and of this mount, one line each. */
    List<String> holders(ProcFs.Mount mount) {
        return host.holders(node, List.of(mount.point()));
    }

    /** Must be called before the device is removed by force: its foreign mounts cannot be found any more then. */
    void remember() {
        remembered = foreign();
    }

    /**
     * Returns the mounts of the device and its partitions in this process's namespace, innermost first, without the one
     * that {@link #mount()} made.
     */
    List<ProcFs.Mount> foreign() {
        DeviceInfo info;
        try {
            info = served.info();
        } catch (ControlException e) {
            // The device is gone. Another may have its number by now, but not while a remembered mount still exists.
            List<ProcFs.Mount> left = new ArrayList<>(remembered);
            left.retainAll(host.mounts());
            return left;
        }
        if (info.openers() == 0) {
            return List.of(); // Every mount of the device or of a partition is an opener.
        }
        Set<String> numbers = new HashSet<>(host.partitions(name));
        numbers.add(info.major() + ":" + info.minor());
        List<ProcFs.Mount> mounts = new ArrayList<>();
        for (ProcFs.Mount mount : host.mounts()) {
            // btrfs shows a device number of its own, 0:n. No other device has this name while this one is mounted.
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
