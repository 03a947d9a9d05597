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
 * {@code /run/junit-dblock/<pid>-<start time>/}: where a JVM mounts its devices, in {@code mnt/<device>}, and keeps a file
 * {@code devices/<device>} for each of them. Pid and start time together name a process for as long as the
 * machine runs, so the leavings of one that is gone can be told from what is in use.
 */
final class RunDirectory {
    private static final Pattern OWNER = Pattern.compile("([0-9]+)-([0-9]+)");
    private static final RunDirectory OF_THIS_MACHINE = new RunDirectory(
            Path.of("/run/junit-dblock"),
            new ProcFs(Path.of("/proc")),
            ProcessHandle.current().pid());

    private final Path base;
    private final ProcFs proc;
    /** This process's. */
    private final Path own;

    RunDirectory(Path base, ProcFs proc, long pid) {
        this.base = base;
        this.proc = proc;
        own = base.resolve(pid + "-" + proc.startTime(pid).orElse("0"));
    }

    static RunDirectory ofThisMachine() {
        return OF_THIS_MACHINE;
    }

    /** Creates the directory in which a device is to be mounted. */
    Path createMountDirectory(String device) {
        return create(own.resolve("mnt"), device, true);
    }

    /** Notes that this JVM has a device of this name. */
    void note(String device) {
        create(own.resolve("devices"), device, false);
    }

    /** Not while another thread removes what is empty, see {@link #forget}. */
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

    /** Removes the directory in which a device was mounted; one that is still mounted is left. */
    synchronized void removeMountDirectory(String device) {
        deleteIfPossible(own.resolve("mnt").resolve(device));
    }

    /** Removes what else was made for a device; what is not there or still mounted is left. */
    synchronized void forget(String device) {
        deleteIfPossible(own.resolve("devices").resolve(device));
        deleteIfPossible(own.resolve("mnt"));
        deleteIfPossible(own.resolve("devices"));
        deleteIfPossible(own);
    }

    /**
     * Whose directory one is.
     *
     * @param started in clock ticks since boot
     */
    record Owner(long pid, long started) {}

    /** The process that had this {@linkplain #abandoned() abandoned} directory. */
    static Owner ownerOf(Path abandoned) {
        String[] name = abandoned.getFileName().toString().split("-", 2);
        return new Owner(Long.parseLong(name[0]), Long.parseLong(name[1]));
    }

    /** The directories of processes that are gone. */
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

    /** What {@code below} an abandoned directory is there: {@code mnt} or {@code devices}. */
    static List<Path> entries(Path abandoned, String below) {
        return children(abandoned.resolve(below));
    }

    /** Removes an abandoned directory, as far as nothing is mounted there any more. */
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
            // There is none.
        }
        return found;
    }

    private static void deleteIfPossible(Path path) {
        try {
            Files.deleteIfExists(path);
        } catch (IOException e) {
            // A mount point in use, or a directory another device is still in.
        }
    }
}
