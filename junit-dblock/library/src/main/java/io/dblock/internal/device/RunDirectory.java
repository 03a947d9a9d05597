// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.DblockException;
import io.dblock.internal.kernel.ProcFs;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The directory of a test JVM, {@code /run/junit-dblock/<pid>-<start time>/}. It has a mount point {@code mnt/<device>}
 * and an empty file {@code devices/<device>} for each device. Pid and start time together identify a process until the
 * next boot, so what a dead process has left can be distinguished from what is in use.
 */
final class RunDirectory {
    private static final Pattern OWNER = Pattern.compile("([0-9]+)-([0-9]+)");
    private static final RunDirectory OF_THIS_MACHINE = new RunDirectory(
            Path.of("/run/junit-dblock"),
            new ProcFs(Path.of("/proc")),
            ProcessHandle.current().pid());

    private final Path base;
    private final ProcFs proc;
    private final Path own;

    RunDirectory(Path base, ProcFs proc, long pid) {
        this.base = base;
        this.proc = proc;
        own = base.resolve(pid + "-" + proc.startTime(pid).orElse("0"));
    }

    static RunDirectory ofThisMachine() {
        return OF_THIS_MACHINE;
    }

    /** Creates the directory for the mount of a device, and returns it. */
    Path createMountDirectory(String device) {
        return create(own.resolve("mnt"), device, true);
    }

    /** Records that this JVM has a device of this name. */
    void note(String device) {
        create(own.resolve("devices"), device, false);
    }

    /** Synchronized, because {@link #forget} removes directories that are empty. */
    private synchronized Path create(Path directory, String name, boolean asDirectory) {
        try {
            Files.createDirectories(
                    directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
            Path path = directory.resolve(name);
            try {
                return asDirectory ? Files.createDirectory(path) : Files.createFile(path);
            } catch (FileAlreadyExistsException e) {
                return path;
            }
        } catch (IOException e) {
            throw new DblockException(
                    "Cannot create " + directory.resolve(name) + ": " + e + ". Run as root, and see that /run can be"
                            + " written.",
                    e);
        }
    }

    /** Removes the directory for the mount of a device, unless something is still mounted there. */
    synchronized void removeMountDirectory(String device) {
        deleteIfPossible(own.resolve("mnt").resolve(device));
    }

    /** Removes the record of a device, and the directories that are empty then. */
    synchronized void forget(String device) {
        deleteIfPossible(own.resolve("devices").resolve(device));
        deleteIfPossible(own.resolve("mnt"));
        deleteIfPossible(own.resolve("devices"));
        deleteIfPossible(own);
    }

    /**
     * The process that a directory belongs to.
     *
     * @param started its start time, in clock ticks since boot
     */
    record Owner(long pid, long started) {}

    /** Returns the process that this {@linkplain #abandoned() abandoned} directory belonged to. */
    static Owner ownerOf(Path abandoned) {
        String[] name = abandoned.getFileName().toString().split("-", 2);
        return new Owner(Long.parseLong(name[0]), Long.parseLong(name[1]));
    }

    /** Returns the directories of processes that are gone. */
    List<Path> abandoned() {
        List<Path> found = new ArrayList<>();
        for (Path directory : children(base)) {
            Matcher owner = OWNER.matcher(directory.getFileName().toString());
            if (owner.matches()
                    && !proc.startTime(Long.parseLong(owner.group(1)))
                            .filter(owner.group(2)::equals)
                            .isPresent()) {
                found.add(directory);
            }
        }
        return found;
    }

    /** Returns the entries of {@code mnt} or {@code devices} in an abandoned directory. */
    static List<Path> entries(Path abandoned, String below) {
        return children(abandoned.resolve(below));
    }

    /** Removes an abandoned directory, except for mount points that are still in use. */
    static void remove(Path abandoned) {
        Function<String, Path> child = abandoned::resolve;
        for (String below : List.of("mnt", "devices")) {
            children(child.apply(below)).forEach(RunDirectory::deleteIfPossible);
            deleteIfPossible(child.apply(below));
        }
        deleteIfPossible(abandoned);
    }

    private static List<Path> children(Path directory) {
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            entries.forEach(found::add);
        } catch (IOException e) {
            // The directory does not exist.
        }
        return found;
    }

    private static void deleteIfPossible(Path path) {
        try {
            Files.deleteIfExists(path);
        } catch (IOException e) {
            // It is a mount point in use, or a directory that has an entry of another device.
        }
    }
}
