// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.DblockException;
import io.dblock.DeviceSpec;
import io.dblock.Filesystem;
import io.dblock.handler.Errno;
import io.dblock.handler.Place;
import io.dblock.internal.files.FileMap;
import io.dblock.internal.files.FilesystemLook;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.DiskCalls;
import io.dblock.internal.kernel.Holders;
import io.dblock.internal.kernel.KernelPath;
import io.dblock.internal.kernel.Mounts;
import io.dblock.internal.kernel.ProcFs;
import io.dblock.internal.module.ModuleLoader;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The machine that this JVM runs on. */
final class ThisHost implements Host {
    static final ThisHost INSTANCE = new ThisHost();

    private static final Path DROP_CACHES = Path.of("/proc/sys/vm/drop_caches");

    private final FilesystemTools tools = FilesystemTools.ofThisMachine();
    private final ProcFs proc = new ProcFs(Path.of("/proc"));

    private ThisHost() {}

    @Override
    public void format(Path node, DeviceSpec spec) {
        tools.format(node, spec);
        Udev.settle();
    }

    @Override
    public void mount(Path node, Path point, DeviceSpec spec) {
        tools.mount(node, point, spec);
    }

    @Override
    public int mountEmpty(String source, Path point, String directory) {
        return Mounts.mountEmpty(source, point, directory);
    }

    @Override
    public int unmount(Path point) {
        return Mounts.unmount(point);
    }

    @Override
    public int detach(KernelPath point) {
        return Mounts.detach(point);
    }

    @Override
    public List<ProcFs.Mount> mounts() {
        return proc.mounts("self");
    }

    @Override
    public Set<String> partitions(String disk) {
        Set<String> numbers = new HashSet<>();
        try (DirectoryStream<Path> partitions =
                Files.newDirectoryStream(Path.of("/sys/class/block", disk), disk + "*")) {
            for (Path partition : partitions) {
                numbers.add(Files.readString(partition.resolve("dev")).strip());
            }
        } catch (IOException e) {
            // The disk or a partition has just been removed.
        }
        return numbers;
    }

    @Override
    public List<String> holders(Path node, List<KernelPath> points) {
        return Holders.ofThisMachine(LiveDevices.openImages()).find(node, points);
    }

    @Override
    public boolean isMappedHere(Path directory) {
        return Holders.ofThisMachine().isMappedHere(directory);
    }

    @Override
    public int syncFilesystem(Path point) {
        return DiskCalls.syncFilesystem(point);
    }

    @Override
    public int flushBuffers(Path node) {
        return DiskCalls.flushBuffers(node);
    }

    @Override
    public void dropBuffers(Path node) {
        DiskCalls.dropBuffers(node);
    }

    @Override
    public void dropFiles() {
        try {
            // This drops pages, directory entries and inodes of all filesystems; the kernel has no narrower way.
            Files.writeString(DROP_CACHES, "3");
        } catch (IOException e) {
            throw new DblockException(
                    "Cannot drop cached files by writing to " + DROP_CACHES + ": " + e
                            + ". Run as root, or use remount() instead.",
                    e);
        }
    }

    @Override
    public void fill(Path point, Filesystem filesystem, long leave) {
        new Filler(point, filesystem).fill(leave);
    }

    @Override
    public void fillInodes(Path point, Filesystem filesystem) {
        new Filler(point, filesystem).fillInodes();
    }

    @Override
    public void free(Path point, Filesystem filesystem) {
        new Filler(point, filesystem).free();
    }

    @Override
    public void syncNames(Path point, Filesystem filesystem) {
        new Filler(point, filesystem).syncNames();
    }

    @Override
    public FileMap files(Path point, Filesystem filesystem) {
        return FilesystemLook.at(point, filesystem);
    }

    @Override
    public List<Place> places(Path point, Filesystem filesystem, String path) {
        return FilesystemLook.of(point, filesystem, path);
    }

    @Override
    public FileMap parts(Path node, Path point, Filesystem filesystem) {
        return FilesystemLook.parts(point, node, filesystem);
    }

    @Override
    public void destroy(int device) {
        try (ControlSession session = ModuleLoader.openSession()) {
            session.destroy(device, true);
        } catch (ControlException e) {
            if (!e.is(Errno.ENODEV) && !e.is(Errno.EALREADY)) {
                throw e;
            }
        }
    }
}
