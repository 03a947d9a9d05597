// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import io.dblock.fault.Faults;
import io.dblock.journal.Journal;
import io.dblock.kernel.DirectChannel;
import io.dblock.kernel.DiskCalls;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import io.dblock.proc.ProcFs;
import io.dblock.server.RequestCounts;
import io.dblock.server.ServedDevice;
import io.dblock.server.ServedSnapshot;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** A device as the test holds it: its node, its filesystem, and its server. */
final class LiveDevice implements BlockDevice {
    private final RunDirectory runs = RunDirectory.ofThisMachine();
    private final ServedDevice served;
    private final DeviceSpec spec;
    private final Path path;
    private final DeviceMounts mounts;
    private boolean closed;

    LiveDevice(ServedDevice served, DeviceSpec spec) {
        this.served = served;
        this.spec = spec;
        path = DeviceNode.of(spec.name());
        mounts = new DeviceMounts(served, spec, runs);
    }

    /** Starts it and waits for its node. */
    void appear() {
        runs.note(name());
        served.start();
        DeviceNode.await(served.info());
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
        if (mounts.point().isPresent()) {
            throw new IllegalStateException(
                    name() + " is mounted at " + mounts.point().get() + ": call unmount() before format().");
        }
        if (spec.readOnly()) {
            throw new IllegalStateException(name() + " is read-only: format the image before, or make it writable.");
        }
        mounts.format();
    }

    @Override
    public synchronized Path mount() {
        checkOpen();
        checkFilesystem("mount()");
        if (mounts.point().isEmpty() || !served.powered()) {
            restorePower();
        }
        // A device that was mounted when its power was cut is mounted again now.
        return mounts.point().orElseGet(mounts::mount);
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
    public Optional<Path> mountPoint() {
        return mounts.point();
    }

    @Override
    public synchronized void unmount() {
        unmount(false);
    }

    private void unmount(boolean afterCut) {
        checkOpen();
        List<String> holders = mounts.tryUnmount(afterCut);
        if (mounts.point().isPresent()) {
            throw LeakException.of(
                    name() + " cannot be unmounted from " + mounts.point().get() + ", it is still in use:",
                    holders,
                    "Close these before unmount(), remount() or close().");
        }
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
        mounts.point().ifPresent(DiskCalls::syncFilesystem);
        DiskCalls.flushBuffers(path);
        if (mounts.point().isPresent()) {
            Path control = Path.of("/proc/sys/vm/drop_caches");
            try {
                // Pages, directory entries and inodes; those of other filesystems too, there is no narrower way.
                Files.writeString(control, "3");
            } catch (IOException e) {
                throw new DblockException(
                        "Cannot drop the cached files of " + mounts.point().get() + " by writing to " + control + ": "
                                + e + ". Run as root, or use remount() instead.",
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
        boolean mounted = mounts.point().isPresent();
        // While the power is still off, so that nothing which is written back now gets through.
        unmount(true);
        List<ProcFs.Mount> others = mounts.foreign();
        if (!others.isEmpty()) {
            List<String> lines = others.stream()
                    .map(mount -> "it is mounted at " + mount.point())
                    .toList();
            throw LeakException.of(
                    name() + " was mounted by somebody else when its power was cut:",
                    lines,
                    "Unmount it before restorePower(): the kernel has cached what the disk has lost.");
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
        Teardown teardown = new Teardown(served, mounts, path);
        teardown.run();
        runs.forget(name());
        Devices.remove(this);
        teardown.report();
    }

    void closeQuietly() {
        try {
            close();
        } catch (DblockException e) {
            // The reason the device could not be made is on its way already and says more.
        }
    }

    @Override
    public String toString() {
        return path + " (" + ByteSize.format(size())
                + (spec.filesystem() == Filesystem.NONE ? "" : ", " + spec.filesystem()) + ")";
    }
}
