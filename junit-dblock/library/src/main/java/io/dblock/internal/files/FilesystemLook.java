// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.files;

import io.dblock.Filesystem;
import io.dblock.handler.Place;
import io.dblock.handler.Place.Kind;
import io.dblock.internal.kernel.FileExtents;
import io.dblock.internal.kernel.FileExtents.BtrfsChunk;
import io.dblock.internal.kernel.FileExtents.Extent;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * Looks at the files of a mounted filesystem: their names and where their blocks are. It writes nothing, and waits for
 * no data to be written: data that the page cache has not written has no place yet.
 */
public final class FilesystemLook {
    /** Looking at more takes too long. */
    static final int MOST_FILES = 20_000;

    private static final long MOST_NANOS = 2_000_000_000L;

    private static final int TYPE = 0xF000;
    private static final int DIRECTORY = 0x4000;
    private static final int REGULAR = 0x8000;

    private final Path root;
    private final Filesystem filesystem;
    private final Path lostAndFound;
    private final List<BtrfsChunk> chunks;
    private final XfsParts xfs;
    private final List<Place> places = new ArrayList<>();
    private boolean complete = true;
    /** Null: all. */
    private Predicate<Place> wanted;

    private FilesystemLook(Path root, Filesystem filesystem) throws IOException {
        this.root = root;
        this.filesystem = filesystem;
        lostAndFound = root.resolve("lost+found");
        chunks = filesystem == Filesystem.BTRFS ? FileExtents.btrfs(root) : List.of();
        xfs = filesystem == Filesystem.XFS ? new XfsParts(FileExtents.xfs(root)) : null;
    }

    /** Returns what a filesystem's own parts are that do not move while it exists. */
    public static FileMap parts(Path root, Path node, Filesystem filesystem) {
        try {
            return switch (filesystem) {
                case EXT4 ->
                    new FileMap(Ext4Parts.of((offset, length) -> FileExtents.read(node, offset, length)), true);
                case XFS -> new FileMap(new XfsParts(FileExtents.xfs(root)).fixed(), true);
                case BTRFS -> new FileMap(btrfsParts(FileExtents.btrfs(root)), true);
                case NONE, DEFAULT -> FileMap.UNKNOWN;
            };
        } catch (IOException e) {
            return FileMap.UNKNOWN; // The kernel does not have the call, or the disk fails.
        }
    }

    /** Looks at the filesystem that is mounted here. What cannot be looked at is left out. */
    public static FileMap at(Path root, Filesystem filesystem) {
        try {
            FilesystemLook look = new FilesystemLook(root, filesystem);
            look.walk(Reach.ALL);
            return new FileMap(look.places, look.complete);
        } catch (IOException e) {
            return FileMap.UNKNOWN;
        }
    }

    /**
     * Returns where the files are that a path from the root or a glob names. Only these are looked at, and only the
     * directories are read that they can be in.
     *
     * @throws UncheckedIOException if a file cannot be looked at
     */
    public static List<Place> of(Path root, Filesystem filesystem, String path) {
        try {
            FilesystemLook look = new FilesystemLook(root, filesystem);
            look.wanted = Place.of(path);
            if (Place.isGlob(path)) {
                look.walk(Reach.of(path));
            } else {
                look.addIfThere(root.resolve(path)); // No directory needs to be read.
            }
            return look.places;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void addIfThere(Path file) throws IOException {
        if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
            add(file, Kind.FILE, FileExtents.of(file));
        }
    }

    private void walk(Reach reach) throws IOException {
        int deepest = (int) Math.min(Integer.MAX_VALUE, (long) root.getNameCount() + reach.depth());
        long end = System.nanoTime() + MOST_NANOS;
        Object device = Files.getAttribute(root, "unix:dev", LinkOption.NOFOLLOW_LINKS);
        Deque<Path> left = new ArrayDeque<>(List.of(root.resolve(reach.directory())));
        int seen = 0;
        while (!left.isEmpty()) {
            Path next = left.pop();
            if (++seen > MOST_FILES || System.nanoTime() > end) {
                complete = false;
                return;
            }
            try {
                Map<String, Object> attributes =
                        Files.readAttributes(next, "unix:dev,ino,mode", LinkOption.NOFOLLOW_LINKS);
                int type = (Integer) attributes.get("mode") & TYPE;
                // btrfs gives each of its subvolumes a device number of its own.
                if (filesystem != Filesystem.BTRFS && !attributes.get("dev").equals(device)) {
                    continue; // Something else is mounted there.
                }
                if (xfs != null && wanted == null) {
                    places.add(xfs.inodes((Long) attributes.get("ino")));
                }
                if (type == REGULAR && isWanted(next, Kind.FILE)) {
                    add(next, Kind.FILE, FileExtents.of(next));
                } else if (type == DIRECTORY) {
                    addDirectory(next, next.getNameCount() < deepest, left);
                }
            } catch (IOException | DirectoryIteratorException e) {
                complete = false; // It has just been removed, or cannot be read.
            }
        }
    }

    private void addDirectory(Path directory, boolean descend, Deque<Path> left) throws IOException {
        if (isWanted(directory, Kind.DIRECTORY)) {
            addNames(directory);
        }
        if (!descend) {
            return;
        }
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            for (Path entry : entries) {
                // Nobody has read that of ext4, which is empty, so that it would be read from the disk.
                if (!entry.equals(lostAndFound)) {
                    left.push(entry);
                }
            }
        }
    }

    private boolean isWanted(Path file, Kind kind) {
        return wanted == null || wanted.test(new Place(0, 1, kind, nameOf(file), 0));
    }

    /** Adds the blocks that a directory has its names in. */
    private void addNames(Path directory) throws IOException {
        switch (filesystem) {
            case EXT4 -> add(directory, Kind.DIRECTORY, FileExtents.of(directory));
            case XFS -> add(directory, Kind.DIRECTORY, FileExtents.ofXfs(directory));
            default -> {
                // btrfs has the names in its trees.
            }
        }
    }

    private String nameOf(Path file) {
        String relative = root.relativize(file).toString();
        return relative.isEmpty() ? "." : relative;
    }

    private void add(Path file, Kind kind, List<Extent> extents) {
        String name = nameOf(file);
        for (Extent extent : extents) {
            if (filesystem == Filesystem.BTRFS) {
                addBtrfs(name, kind, extent);
            } else {
                places.add(new Place(extent.offset(), extent.length(), kind, name, extent.inside()));
            }
        }
    }

    /** An extent lies in one chunk, which can have copies. A chunk that is striped over devices is not resolved. */
    private void addBtrfs(String name, Kind kind, Extent extent) {
        for (BtrfsChunk chunk : chunks) {
            long in = extent.offset() - chunk.logical();
            if (in >= 0 && in < chunk.length() && !isStriped(chunk)) {
                chunk.copies()
                        .forEach(
                                copy -> places.add(new Place(copy + in, extent.length(), kind, name, extent.inside())));
            }
        }
    }

    // linux/btrfs_tree.h: BTRFS_BLOCK_GROUP_*.
    private static final long BTRFS_SYSTEM = 0x2;
    private static final long BTRFS_METADATA = 0x4;
    private static final long BTRFS_DATA = 0x1;
    /** RAID0, RAID10, RAID5 and RAID6. */
    private static final long BTRFS_STRIPED = 0x8 | 0x40 | 0x80 | 0x100;

    private static boolean isStriped(BtrfsChunk chunk) {
        return (chunk.type() & BTRFS_STRIPED) != 0;
    }

    private static List<Place> btrfsParts(List<BtrfsChunk> chunks) {
        List<Place> parts = new ArrayList<>();
        for (long superblock : new long[] {64L << 10, 64L << 20, 256L << 30}) {
            parts.add(new Place(superblock, 4096, Kind.FILESYSTEM, "btrfs's superblock", 0));
        }
        for (BtrfsChunk chunk : chunks) {
            if ((chunk.type() & BTRFS_DATA) == 0) {
                String name = (chunk.type() & BTRFS_SYSTEM) != 0
                        ? "btrfs's chunk tree"
                        : (chunk.type() & BTRFS_METADATA) != 0 ? "btrfs's trees" : "btrfs";
                chunk.copies().forEach(copy -> parts.add(new Place(copy, chunk.length(), Kind.FILESYSTEM, name, 0)));
            }
        }
        return parts;
    }
}
