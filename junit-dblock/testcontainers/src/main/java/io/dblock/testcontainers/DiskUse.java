// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import com.github.dockerjava.api.model.AccessMode;
import com.github.dockerjava.api.model.Bind;
import com.github.dockerjava.api.model.Device;
import com.github.dockerjava.api.model.SELContext;
import com.github.dockerjava.api.model.Volume;
import io.dblock.BlockDevice;
import io.dblock.DblockException;
import io.dblock.Filesystem;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** What one container has of one disk. */
final class DiskUse {
    /** How a container sees a disk. */
    enum Kind {
        /** As a directory of the disk's filesystem. */
        DIRECTORY,
        /** As a block device. */
        DEVICE
    }

    private final ContainerDisk disk;
    private final Kind kind;
    /** Where in the container; empty for the data directory of the database that it turns out to have. */
    private final Optional<String> path;

    private volatile Optional<BlockDevice> device = Optional.empty();
    private volatile String place = "";

    DiskUse(ContainerDisk disk, Kind kind, Optional<String> path) {
        this.disk = disk;
        this.kind = kind;
        this.path = path;
    }

    ContainerDisk disk() {
        return disk;
    }

    Kind kind() {
        return kind;
    }

    /** Returns the device that the container has had since it was started last; empty if it never was. */
    Optional<BlockDevice> device() {
        return device;
    }

    /** Returns where in the container the disk is; empty before it is made. */
    String place() {
        return place;
    }

    /** Finds the device, which may have to be made now, and mounts it if need be. Returns it. */
    BlockDevice open() {
        BlockDevice opened = disk.device();
        if (kind == Kind.DIRECTORY) {
            if (opened.spec().filesystem() == Filesystem.NONE) {
                throw new IllegalStateException(opened.name() + " has no filesystem, so no directory of it can be in a"
                        + " container. Make it with filesystem = EXT4, say, or use deviceIn(container, path).");
            }
            opened.mount();
        }
        device = Optional.of(opened);
        return opened;
    }

    /** Decides where in the container the disk is. */
    String decidePlace(Optional<Database> database, Launch launch) {
        place = path.or(() -> database.map(known -> known.directory(launch)))
                .orElseThrow(() -> new IllegalStateException("It is not known where the container keeps its data: "
                        + "neither its class nor its image is that of a known database. Use mountIn(container, path), or"
                        + " say database(...)."));
        return place;
    }

    /** Returns the directory on this machine that the container is to have. */
    private Path directory() {
        return device.orElseThrow().mount().resolve(disk.directory());
    }

    /** Returns whether another container has the same directory of the same disk. */
    boolean sharesDirectory(DiskUse other) {
        return kind == Kind.DIRECTORY
                && other.kind == Kind.DIRECTORY
                && device.equals(other.device)
                && disk.directory().equals(other.disk.directory());
    }

    /**
     * Checks that the directory is there.
     *
     * @throws DblockException if not
     */
    void requireDirectory(String container) {
        if (kind == Kind.DIRECTORY && !Files.isDirectory(directory())) {
            throw new DblockException("The directory " + disk.directory() + " of "
                    + device.orElseThrow().name() + ", which " + container + " has at " + place
                    + ", is gone: the disk has lost it, although it was flushed when it was made.");
        }
    }

    /** Returns whether the directory has something in it: the data of an earlier container. */
    boolean hasData() {
        Path directory = directory();
        if (!Files.exists(directory)) {
            return false;
        }
        try (Stream<Path> files = Files.list(directory)) {
            return files.findAny().isPresent();
        } catch (IOException e) {
            throw cannot("read", directory, e);
        }
    }

    /** Makes the directory if it is not there. It is durable then: a container whose directory is lost cannot start. */
    void prepare(ContainerEngine engine, String image, String user) {
        Path directory = directory();
        if (Files.exists(directory)) {
            return;
        }
        ContainerEngine.Owner owner = disk.owner().orElseGet(() -> engine.owner(image, place, user));
        try {
            Files.createDirectories(directory);
            for (Map.Entry<String, Integer> attribute : owner.attributes().entrySet()) {
                Files.setAttribute(directory, attribute.getKey(), attribute.getValue());
            }
            for (Path parent = directory;
                    !parent.equals(device.orElseThrow().mount().getParent());
                    parent = parent.getParent()) {
                try (FileChannel channel = FileChannel.open(parent, StandardOpenOption.READ)) {
                    channel.force(true);
                }
            }
        } catch (IOException e) {
            throw cannot("make", directory, e);
        }
    }

    private DblockException cannot(String what, Path directory, IOException e) {
        return new DblockException(
                "Cannot " + what + " the directory " + directory + " on "
                        + device.orElseThrow().name() + ", which is to be " + place + " in the container: " + e,
                e);
    }

    /**
     * Returns the bind of the directory. Where SELinux is in force, the engine labels it for all containers, as those that
     * come after a power cut are others.
     */
    Bind bind() {
        return new Bind(directory().toString(), new Volume(place), AccessMode.rw, SELContext.shared);
    }

    /** Returns the device as the container sees it. */
    Device node() {
        return new Device("rwm", place, device.orElseThrow().path().toString());
    }
}
