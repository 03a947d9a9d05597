// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.DeviceSpec;
import io.dblock.Filesystem;
import io.dblock.handler.Errno;
import io.dblock.handler.Place;
import io.dblock.internal.files.FileMap;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.FakeKernel;
import io.dblock.internal.kernel.KernelPath;
import io.dblock.internal.kernel.ProcFs;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A machine that has only a table of mounts and the disks of a {@link FakeKernel}. */
final class UnitHost implements Host {
    /** The calls, in order. */
    final List<String> calls = new ArrayList<>();
    /** Lines about the users of a path, by the path. */
    final Map<String, List<String>> users = new HashMap<>();

    final Set<Path> mapped = new HashSet<>();
    /** The results of the next write-back of a filesystem, and of a node. */
    int filesResult;

    int nodeResult;
    /** Runs during a mount, before it succeeds. */
    Runnable inMount = () -> {};
    /** The result of mounting a cover. */
    int coverResult;
    /** Runs during umount2(2). */
    Runnable inUnmount = () -> {};

    /** What a look at a mounted filesystem sees. */
    FileMap files = FileMap.UNKNOWN;

    private final FakeKernel kernel;
    private final List<ProcFs.Mount> mounts = new ArrayList<>();

    UnitHost(FakeKernel kernel) {
        this.kernel = kernel;
        mounts.add(new ProcFs.Mount("8:1", KernelPath.of(Path.of("/")), "ext4", "/dev/sda1"));
    }

    private synchronized void add(String device, KernelPath point, String type, String source) {
        mounts.add(new ProcFs.Mount(device, point, type, source));
        countOpeners(source);
    }

    /** Updates the openers of a disk: each mount is one. */
    private void countOpeners(String source) {
        if (source.startsWith("/dev/dblock")) {
            int count = (int) mounts.stream()
                    .filter(mount -> mount.source().equals(source))
                    .count();
            try {
                kernel.setOpeners(source.substring("/dev/".length()), count);
            } catch (NullPointerException e) {
                // The disk is gone already.
            }
        }
    }

    private synchronized int remove(KernelPath point) {
        for (int i = mounts.size() - 1; i >= 0; i--) {
            if (mounts.get(i).point().equals(point)) {
                countOpeners(mounts.remove(i).source());
                return 0;
            }
        }
        return -Errno.EINVAL.number();
    }

    /** Mounts a disk as another process would. */
    void mountForeign(String disk, KernelPath point) {
        try (ControlSession session = kernel.session()) {
            add("259:" + session.info(disk).id(), point, "ext4", "/dev/" + disk);
        }
    }

    /** Unmounts this mount as another process would. */
    void unmountForeign(Path point) {
        remove(KernelPath.of(point));
    }

    /** Returns the types of the filesystems mounted at this directory and below, outermost first. */
    synchronized List<String> in(Path directory) {
        return mounts.stream()
                .filter(mount -> mount.point().isIn(directory))
                .map(ProcFs.Mount::type)
                .toList();
    }

    @Override
    public FileMap files(Path point, Filesystem filesystem) {
        return files;
    }

    @Override
    public List<Place> places(Path point, Filesystem filesystem, String path) {
        return files.places().stream().filter(Place.of(path)).toList();
    }

    @Override
    public FileMap parts(Path node, Path point, Filesystem filesystem) {
        return FileMap.UNKNOWN;
    }

    @Override
    public void format(Path node, DeviceSpec spec) {
        calls.add("format");
    }

    @Override
    public void mount(Path node, Path point, DeviceSpec spec) {
        calls.add("mount");
        inMount.run();
        mountForeign(node.getFileName().toString(), KernelPath.of(point));
    }

    @Override
    public int mountEmpty(String source, Path point, String directory) {
        if (coverResult == 0) {
            add("0:50", KernelPath.of(point), "tmpfs", source);
        }
        return coverResult;
    }

    @Override
    public int unmount(Path point) {
        inUnmount.run();
        if (!users.getOrDefault(point.toString(), List.of()).isEmpty()) {
            return -Errno.EBUSY.number();
        }
        calls.add("unmount");
        return remove(KernelPath.of(point));
    }

    @Override
    public int detach(KernelPath point) {
        calls.add("detach");
        return remove(point);
    }

    @Override
    public synchronized List<ProcFs.Mount> mounts() {
        return new ArrayList<>(mounts);
    }

    @Override
    public Set<String> partitions(String disk) {
        return Set.of();
    }

    @Override
    public List<String> holders(Path node, List<KernelPath> points) {
        List<String> lines = new ArrayList<>(users.getOrDefault(node.toString(), List.of()));
        points.forEach(point -> lines.addAll(users.getOrDefault(point.toString(), List.of())));
        return lines;
    }

    @Override
    public boolean isMappedHere(Path directory) {
        return mapped.contains(directory);
    }

    @Override
    public int syncFilesystem(Path point) {
        calls.add("sync");
        int result = filesResult;
        filesResult = 0;
        return result;
    }

    @Override
    public int flushBuffers(Path node) {
        calls.add("flush");
        int result = nodeResult;
        nodeResult = 0;
        return result;
    }

    @Override
    public void dropBuffers(Path node) {
        calls.add("drop buffers");
    }

    @Override
    public void dropFiles() {
        calls.add("drop");
    }

    @Override
    public void fill(Path point, Filesystem filesystem, long leave) {
        calls.add("fill " + leave);
    }

    @Override
    public void fillInodes(Path point, Filesystem filesystem) {
        calls.add("fill inodes");
    }

    @Override
    public void free(Path point, Filesystem filesystem) {
        calls.add("free");
    }

    @Override
    public void syncNames(Path point, Filesystem filesystem) {
        calls.add("sync names");
    }

    @Override
    public void destroy(int device) {
        calls.add("destroy");
        try (ControlSession session = kernel.session()) {
            session.destroy(device, true);
        } catch (ControlException e) {
            if (!e.is(Errno.ENODEV)) {
                throw e;
            }
        }
    }
}
