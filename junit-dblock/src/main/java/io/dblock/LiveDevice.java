// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import io.dblock.fault.Faults;
import io.dblock.journal.Journal;
import io.dblock.kernel.ControlException;
import io.dblock.kernel.DeviceInfo;
import io.dblock.kernel.DirectChannel;
import io.dblock.kernel.DiskCalls;
import io.dblock.kernel.Errno;
import io.dblock.kernel.Mounts;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import io.dblock.server.RequestCounts;
import io.dblock.server.ServedDevice;
import io.dblock.server.ServedSnapshot;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** A device as the test holds it: its node, its filesystem, and its server. */
final class LiveDevice implements BlockDevice {
    private static final Duration NODE_WAIT = Duration.ofSeconds(20);

    private final FilesystemTools tools = FilesystemTools.ofThisMachine();
    private final RunDirectory runs = RunDirectory.ofThisMachine();
    private final ServedDevice served;
    private final DeviceSpec spec;
    private final Path path;
    private Optional<Path> mountPoint = Optional.empty();
    private boolean closed;

    LiveDevice(ServedDevice served, DeviceSpec spec) {
        this.served = served;
        this.spec = spec;
        path = Path.of("/dev", spec.name());
    }

    /** Starts it and waits for its node. */
    void appear() {
        runs.note(name());
        served.start();
        DeviceInfo info = served.info();
        long deadline = System.nanoTime() + NODE_WAIT.toNanos();
        String found = nodeProblem(info);
        while (!found.isEmpty()) {
            if (System.nanoTime() > deadline) {
                throw new DblockException("Waited " + NODE_WAIT.toSeconds() + " s for " + path
                        + " to appear as the block device " + info.major() + ":" + info.minor() + ": " + found
                        + ". Is /dev a devtmpfs? In a container, start it with --privileged -v /dev:/dev.");
            }
            sleep(Duration.ofMillis(2));
            found = nodeProblem(info);
        }
        Udev.settle();
    }

    /** Empty if the node is there. */
    private String nodeProblem(DeviceInfo info) {
        try {
            if (!(Files.getAttribute(path, "unix:rdev") instanceof Long number)) {
                return "its device number cannot be read";
            }
            return number == deviceNumber(info.major(), info.minor()) ? "" : "there is another device of that name";
        } catch (IOException e) {
            return "there is none";
        }
    }

    /** dev_t as stat(2) gives it. */
    static long deviceNumber(long major, long minor) {
        return (minor & 0xff) | (major << 8) | ((minor & ~0xffL) << 12);
    }

    @Override
    public DeviceSpec spec() {
        return spec;
    }

    @Override
    public String name() {
        return spec.name();
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public long size() {
        return spec.size();
    }

    @Override
    public int logicalBlockSize() {
        return spec.logicalBlockSize();
    }

    @Override
    public int physicalBlockSize() {
        return spec.physicalBlockSize();
    }

    @Override
    public synchronized void format() {
        checkOpen();
        checkFilesystem("format()");
        if (mountPoint.isPresent()) {
            throw new IllegalStateException(
                    name() + " is mounted at " + mountPoint.get() + ": call unmount() before format().");
        }
        if (spec.readOnly()) {
            throw new IllegalStateException(name() + " is read-only: format the image before, or make it writable.");
        }
        tools.format(path, spec);
        Udev.settle();
    }

    @Override
    public synchronized Path mount() {
        checkOpen();
        checkFilesystem("mount()");
        if (mountPoint.isPresent() && served.powered()) {
            return mountPoint.get();
        }
        restorePower();
        if (mountPoint.isPresent()) {
            return mountPoint.get();
        }
        Path point = runs.createMountPoint(name());
        tools.mount(path, point, spec);
        mountPoint = Optional.of(point);
        return point;
    }

    private void checkFilesystem(String call) {
        if (spec.filesystem() == Filesystem.NONE) {
            throw new IllegalStateException(name() + " has no filesystem, so " + call
                    + " has nothing to do. Choose one: builder().filesystem(Filesystem.EXT4), or"
                    + " @DblockDevice(filesystem = EXT4).");
        }
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException(name() + " is closed. Make another with BlockDevice.builder().");
        }
    }

    @Override
    public synchronized Optional<Path> mountPoint() {
        return mountPoint;
    }

    @Override
    public synchronized void unmount() {
        unmount(false);
    }

    private void unmount(boolean afterCut) {
        checkOpen();
        List<String> holders = tryUnmount(afterCut);
        if (mountPoint.isPresent()) {
            throw new LeakException(
                    name() + " cannot be unmounted from " + mountPoint.get() + ", it is still in use:\n"
                            + indent(holders) + "Close these before unmount(), remount() or close().",
                    holders);
        }
    }

    /** Unmounts if that is possible soon; else says who uses it. */
    private List<String> tryUnmount(boolean afterCut) {
        if (mountPoint.isEmpty()) {
            return List.of();
        }
        Path point = mountPoint.get();
        return whileBusy(afterCut).until(() -> {
            int result = Bounded.call("umount " + point, () -> Mounts.unmount(point));
            // EINVAL, ENOENT: somebody has unmounted it already.
            if (result == 0 || result == -Errno.EINVAL.number() || result == -Errno.ENOENT.number()) {
                mountPoint = Optional.empty();
                return true;
            }
            if (result != -Errno.EBUSY.number()) {
                throw new DblockException("Cannot unmount " + point + ": " + Errno.describe(-result)
                        + (result == -Errno.EPERM.number() ? ". Unmounting needs root." : "."));
            }
            return false;
        });
    }

    /**
     * After a cut, files that are open and that nothing refers to any more are as those of a process that has died, and are
     * collected; otherwise they are a leak to be reported.
     */
    private BusyWait whileBusy(boolean afterCut) {
        return new BusyWait(
                this::holders,
                () -> afterCut
                        || mountPoint
                                .map(point -> Holders.ofThisMachine().isMappedHere(point))
                                .orElse(false),
                System::gc,
                System::nanoTime,
                LiveDevice::sleep);
    }

    private List<String> holders() {
        List<Path> points = new ArrayList<>();
        mountPoint.ifPresent(points::add);
        foreignMounts().forEach(mount -> points.add(mount.point()));
        return Holders.ofThisMachine().find(path, points);
    }

    /** Where this device or a partition of it is mounted in this process's namespace, but by {@link #mount()}. */
    private List<ProcFs.Mount> foreignMounts() {
        DeviceInfo info;
        try {
            info = served.info();
        } catch (ControlException e) {
            return List.of(); // It is gone.
        }
        Set<String> numbers = new HashSet<>(Set.of(info.major() + ":" + info.minor()));
        try (DirectoryStream<Path> partitions =
                Files.newDirectoryStream(Path.of("/sys/class/block", name()), name() + "*")) {
            for (Path partition : partitions) {
                numbers.add(Files.readString(partition.resolve("dev")).strip());
            }
        } catch (IOException e) {
            // It, or a partition, is going away: what is mounted is found by the number above.
        }
        List<ProcFs.Mount> mounts = new ArrayList<>();
        for (ProcFs.Mount mount : new ProcFs(Path.of("/proc")).mounts("self")) {
            // btrfs has device numbers of its own, 0:n; the name is this device's alone as long as it is mounted.
            boolean ours = numbers.contains(mount.device())
                    || (mount.device().startsWith("0:") && mount.source().equals(path.toString()));
            if (ours && !mountPoint.equals(Optional.of(mount.point()))) {
                mounts.add(mount);
            }
        }
        // The innermost first.
        Collections.reverse(mounts);
        return mounts;
    }

    @Override
    public synchronized Path remount() {
        checkOpen();
        checkFilesystem("remount()");
        unmount();
        DiskCalls.flushBuffers(path);
        return mount();
    }

    @Override
    public FileChannel openChannel() {
        synchronized (this) {
            checkOpen();
        }
        return DirectChannel.open(path, logicalBlockSize(), !spec.readOnly());
    }

    @Override
    public synchronized void dropCaches() {
        checkOpen();
        mountPoint.ifPresent(DiskCalls::syncFilesystem);
        DiskCalls.flushBuffers(path);
        if (mountPoint.isPresent()) {
            Path control = Path.of("/proc/sys/vm/drop_caches");
            try {
                // Pages, directory entries and inodes; those of other filesystems too, there is no narrower way.
                Files.writeString(control, "3");
            } catch (IOException e) {
                throw new DblockException(
                        "Cannot drop the cached files of " + mountPoint.get() + " by writing to " + control + ": " + e
                                + ". Run as root, or use remount() instead.",
                        e);
            }
        }
    }

    @Override
    public DeviceStatistics statistics() {
        RequestCounts counts = served.counts();
        return new DeviceStatistics(
                counts.reads(),
                counts.writes(),
                counts.flushes(),
                counts.discards(),
                counts.writeZeroes(),
                counts.bytesRead(),
                counts.bytesWritten(),
                counts.errors(),
                counts.lateAnswers());
    }

    ServedDevice served() {
        return served;
    }

    @Override
    public Faults faults() {
        return served.faults();
    }

    @Override
    public Journal journal() {
        return served.journal();
    }

    @Override
    public long seed() {
        return served.faults().seed();
    }

    @Override
    public CutReport powerCut(Survivors survivors) {
        synchronized (this) {
            checkOpen();
        }
        return served.powerCut(survivors);
    }

    @Override
    public synchronized void restorePower() {
        checkOpen();
        if (served.powered()) {
            return;
        }
        boolean mounted = mountPoint.isPresent();
        // While the power is still off, so that nothing which is written back now gets through.
        unmount(true);
        List<ProcFs.Mount> others = foreignMounts();
        if (!others.isEmpty()) {
            List<String> lines = others.stream()
                    .map(mount -> "it is mounted at " + mount.point())
                    .toList();
            throw new LeakException(
                    name() + " was mounted by somebody else when its power was cut:\n" + indent(lines)
                            + "Unmount it before restorePower(): the kernel has cached what the disk has lost.",
                    lines);
        }
        DiskCalls.dropBuffers(path);
        served.restorePower();
        if (mounted) {
            mount();
        }
    }

    @Override
    public boolean powered() {
        return served.powered();
    }

    @Override
    public List<UnflushedWrite> unflushed() {
        return served.unflushed();
    }

    @Override
    public Snapshot snapshot() {
        return snapshotOf(served.snapshot());
    }

    @Override
    public Snapshot snapshot(Survivors survivors) {
        return snapshotOf(served.snapshot(survivors));
    }

    private Snapshot snapshotOf(ServedSnapshot snapshot) {
        return new LiveSnapshot(spec, snapshot);
    }

    @Override
    public List<Throwable> handlerFailures() {
        return served.failures();
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        List<String> leaks = new ArrayList<>();
        List<DblockException> failures = new ArrayList<>();
        attempt(failures, () -> leaks.addAll(tryUnmount(false)));
        mountPoint.ifPresent(point -> attempt(failures, () -> detach(point)));
        attempt(failures, () -> {
            for (ProcFs.Mount mount : foreignMounts()) {
                leaks.addAll(Holders.ofThisMachine().find(path, List.of(mount.point())));
                leaks.add("it is mounted at " + mount.point());
                detach(mount.point());
            }
        });
        attempt(failures, () -> destroy(leaks));
        attempt(failures, served::close);
        mountPoint = Optional.empty();
        runs.forget(name());
        Devices.remove(this);
        report(leaks, failures);
    }

    private void report(List<String> leaks, List<DblockException> failures) {
        DblockException thrown = null;
        if (!leaks.isEmpty()) {
            List<String> distinct = leaks.stream().distinct().toList();
            thrown = new LeakException(
                    name() + " was still in use when it was closed:\n" + indent(distinct)
                            + "It has been removed all the same. Close these before the device is.",
                    distinct);
        } else if (!failures.isEmpty()) {
            thrown = failures.remove(0);
        }
        if (thrown != null) {
            failures.forEach(thrown::addSuppressed);
            throw thrown;
        }
    }

    private static void attempt(List<DblockException> failures, Runnable step) {
        try {
            step.run();
        } catch (DblockException e) {
            failures.add(e);
        }
    }

    private static void detach(Path point) {
        int result = Bounded.call("umount -l " + point, () -> Mounts.detach(point));
        if (result < 0 && result != -Errno.EINVAL.number() && result != -Errno.ENOENT.number()) {
            throw new DblockException("Cannot take the mount at " + point + " away: " + Errno.describe(-result) + ".");
        }
    }

    /** Destroys it, by force if it stays busy or is known to be in use. */
    private void destroy(List<String> leaks) {
        if (leaks.isEmpty()) {
            leaks.addAll(whileBusy(false).until(() -> {
                try {
                    served.destroy(false);
                    return true;
                } catch (ControlException e) {
                    if (!e.is(Errno.EBUSY)) {
                        throw e;
                    }
                    return false;
                }
            }));
        }
        if (!leaks.isEmpty()) {
            served.destroy(true);
        }
    }

    void closeQuietly() {
        try {
            close();
        } catch (DblockException e) {
            // The reason the device could not be made is on its way already and says more.
        }
    }

    private static String indent(List<String> lines) {
        StringBuilder text = new StringBuilder();
        lines.forEach(line -> text.append("  ").append(line).append('\n'));
        return text.toString();
    }

    /** Teardown has to happen in an interrupted thread too, so this only notes the interrupt. */
    private static void sleep(Duration duration) {
        boolean interrupted = Thread.interrupted();
        try {
            Thread.sleep(duration.toMillis());
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public String toString() {
        return path + " (" + ByteSize.format(size())
                + (spec.filesystem() == Filesystem.NONE ? "" : ", " + spec.filesystem()) + ")";
    }
}
