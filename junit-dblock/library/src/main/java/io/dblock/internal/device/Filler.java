// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.DblockException;
import io.dblock.Filesystem;
import io.dblock.handler.Errno;
import io.dblock.internal.kernel.Bounded;
import io.dblock.internal.kernel.FilesystemCalls;
import io.dblock.internal.kernel.FilesystemCalls.Space;
import io.dblock.internal.kernel.NativeFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Fills a mounted filesystem with files of its own, and removes them. All it knows is in these files, so it works on
 * whatever has them: a filesystem that was mounted again, or a fork. Only one thread at a time may use it.
 */
final class Filler {
    /** In the root directory of the filesystem. */
    static final String DIRECTORY = ".junit-dblock-fill";

    private static final String SPACE = "space";
    private static final String INODES = "inodes";

    /** With more, it would take minutes. */
    static final long MOST_INODES = 1 << 18;
    /** How many files are created in one call, which has a limit of time. */
    private static final int AT_ONCE = 2000;
    /** How often the space is looked at again. The first time is nearly always enough. */
    private static final int ROUNDS = 20;

    private final Path root;
    private final Filesystem filesystem;
    private final Path directory;
    private final Path space;
    private final Path inodes;

    /**
     * Creates a filler.
     *
     * @param root where the filesystem is mounted
     */
    Filler(Path root, Filesystem filesystem) {
        this.root = root;
        this.filesystem = filesystem;
        directory = root.resolve(DIRECTORY);
        space = directory.resolve(SPACE);
        inodes = directory.resolve(INODES);
    }

    /** Does what {@link io.dblock.BlockDevice#fill(long)} says. */
    void fill(long leave) {
        checkWritable("fill()");
        long most = look().available() + held();
        if (leave > most) {
            throw new IllegalArgumentException("leaveBytes is " + leave + ", but the filesystem at " + root + " has "
                    + most + " bytes. Allowed: 0 to " + most + ". For more, make the device larger.");
        }
        if (!create()) {
            if (look().available() > leave) {
                throw new IllegalStateException("The filesystem at " + root + " has no inode left for " + space
                        + ". Call fillInodes(), which takes one for it, or fill() before the last inode is taken.");
            }
            return; // There is no space for an empty file either.
        }
        for (int i = 0; i < ROUNDS; i++) {
            Space now = look();
            long excess = now.available() - leave;
            if (leave == 0) {
                // To the last block, whatever is said to be available: root can have a reserve.
                excess = Math.max(now.free(), now.block());
            }
            if (excess < 0) {
                long held = held();
                if (held == 0) {
                    return; // What is missing are the blocks of the file's name.
                }
                truncate(Math.max(0, held - roundUp(-excess, now.block())));
            } else if (grow(excess, now.block()) == 0) {
                return;
            }
            settle();
        }
    }

    private static long roundUp(long bytes, long block) {
        return (bytes + block - 1) / block * block;
    }

    /** Returns how much space is filled, in bytes. */
    private long held() {
        return bounded("looking at " + space, () -> Files.exists(space) ? Files.size(space) : 0);
    }

    private static boolean exists(Path path) {
        return bounded("looking for " + path, () -> Files.exists(path));
    }

    private Space look() {
        return bounded("statvfs of " + root, () -> FilesystemCalls.space(root));
    }

    private void checkWritable(String call) {
        if (look().readOnly()) {
            throw new IllegalStateException("The filesystem at " + root + " is mounted read-only, so " + call
                    + " cannot change it. Make the device writable, and remount() it. If the filesystem has become"
                    + " read-only by itself, after an error of the disk, the kernel's log (dmesg) says why.");
        }
    }

    /** Creates the file for space. Returns false if there is no space or no inode for it. */
    private boolean create() {
        if (exists(space)) {
            return true;
        }
        int result = bounded("creating " + space, () -> {
            int made = createDirectory(directory);
            return made < 0 ? made : FilesystemCalls.createFile(space);
        });
        if (result == -Errno.ENOSPC.number()) {
            Space now = look();
            if (now.available() == 0 || (now.freeInodes() == 0 && filesystem == Filesystem.EXT4)) {
                return false;
            }
        }
        check(result, "create " + space);
        return true;
    }

    private static int createDirectory(Path path) {
        int result = FilesystemCalls.createDirectory(path);
        return result == -Errno.EEXIST.number() ? 0 : result;
    }

    /** Makes the file longer by up to {@code most} bytes, as far as there is space; returns by how much. */
    private long grow(long most, long block) {
        long size = held();
        long grown = 0;
        long step = most / block * block;
        try (NativeFile file = NativeFile.open(space)) {
            while (step > 0) {
                long at = size + grown;
                long length = step;
                int result = bounded("allocating " + step + " bytes for " + space, () -> file.allocate(at, length));
                if (result == 0) {
                    grown += step;
                    step = Math.min(step, (most - grown) / block * block);
                } else if (result == -Errno.ENOSPC.number()) {
                    step = step / 2 / block * block;
                } else if (result == -Errno.EOPNOTSUPP.number()) {
                    throw new DblockException("The filesystem at " + root + " has no fallocate(2), which fill() needs."
                            + " Have mkfs make it with extents (for ext4 the default, without -O ^extent).");
                } else {
                    check(result, "allocate " + step + " bytes for " + space);
                }
            }
        } catch (IOException e) {
            throw failed("fill " + space, e);
        }
        return grown;
    }

    private void truncate(long size) {
        bounded("truncating " + space, () -> {
            try (FileChannel file = FileChannel.open(space, StandardOpenOption.WRITE)) {
                return file.truncate(size);
            }
        });
    }

    /** btrfs counts what was taken or given back when it commits. */
    private void settle() {
        if (filesystem == Filesystem.BTRFS) {
            syncNames();
        }
    }

    /** Does what {@link io.dblock.BlockDevice#fillInodes()} says. */
    void fillInodes() {
        if (filesystem != Filesystem.EXT4) {
            throw new UnsupportedOperationException(
                    filesystem + " makes inodes of free space, as they are needed, so that they cannot run out alone."
                            + " Allowed: EXT4. On XFS, no file can be created after fill(0) either.");
        }
        checkWritable("fillInodes()");
        long free = look().freeInodes();
        if (free > MOST_INODES) {
            throw new IllegalStateException("The filesystem at " + root + " has " + free
                    + " free inodes, and fillInodes() makes a file for each. Allowed: at most " + MOST_INODES
                    + ". Have mkfs make fewer: mkfsOptions(\"-N\", \"1024\").");
        }
        // Before all inodes are taken: a later fill() needs one.
        boolean created = create();
        int result = created ? bounded("creating " + inodes, () -> createDirectory(inodes)) : -Errno.ENOSPC.number();
        for (long name = entries(); result == 0; name += AT_ONCE) {
            long first = name;
            result = bounded("creating files in " + inodes, () -> createFiles(first));
        }
        if (result != -Errno.ENOSPC.number()) {
            check(result, "create files in " + inodes);
        }
        long left = look().freeInodes();
        if (left > 0) {
            throw new IllegalStateException("The filesystem at " + root
                    + " has no space for the names of the files that are to take its inodes: " + left
                    + " are left. Call fillInodes() before fill(), or free() first.");
        }
    }

    private int createFiles(long first) {
        for (long name = first; name < first + AT_ONCE; name++) {
            int result = FilesystemCalls.createFile(inodes.resolve(Long.toString(name, Character.MAX_RADIX)));
            if (result < 0 && result != -Errno.EEXIST.number()) {
                return result;
            }
        }
        return 0;
    }

    /** Returns how many files there are; they are numbered. */
    private long entries() {
        return bounded("listing " + inodes, () -> {
            long count = 0;
            if (Files.exists(inodes)) {
                try (DirectoryStream<Path> files = Files.newDirectoryStream(inodes)) {
                    for (Path ignored : files) {
                        count++;
                    }
                }
            }
            return count;
        });
    }

    /** Does what {@link io.dblock.BlockDevice#free()} says. */
    void free() {
        checkWritable("free()");
        if (!exists(directory)) {
            return;
        }
        if (exists(space)) {
            // XFS frees the space of a removed file later, and that of a truncated one at once.
            truncate(0);
        }
        while (!bounded("removing files of " + directory, this::removeSome)) {
            // There are more.
        }
        settle();
    }

    /** Removes some files, and the directories when they are empty; returns whether that was all. */
    private boolean removeSome() throws IOException {
        if (Files.exists(inodes)) {
            int removed = 0;
            try (DirectoryStream<Path> files = Files.newDirectoryStream(inodes)) {
                for (Path file : files) {
                    Files.delete(file);
                    if (++removed == AT_ONCE) {
                        return false;
                    }
                }
            }
        }
        Files.deleteIfExists(inodes);
        Files.deleteIfExists(space);
        Files.deleteIfExists(directory);
        return true;
    }

    /** Does what {@link io.dblock.BlockDevice#syncNames()} says. */
    void syncNames() {
        checkWritable("syncNames()");
        int result = bounded(
                "committing the names of " + root,
                () -> filesystem == Filesystem.BTRFS
                        ? FilesystemCalls.commitBtrfs(root)
                        : FilesystemCalls.commitJournal(root));
        check(result, "make the names of " + root + " durable");
    }

    private static void check(int result, String what) {
        if (result < 0) {
            throw new DblockException("Cannot " + what + ": " + Errno.describe(-result) + ".");
        }
    }

    private static DblockException failed(String what, IOException e) {
        return new DblockException("Cannot " + what + ": " + e, e);
    }

    private interface Work<T> {
        T run() throws IOException;
    }

    /** Runs what may wait for the disk, for a limited time. */
    private static <T> T bounded(String what, Work<T> work) {
        return Bounded.call(what, () -> {
            try {
                return work.run();
            } catch (IOException e) {
                throw failed("finish " + what, e);
            }
        });
    }
}
