// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/** Finds what uses a disk: its node, and the files below its mounts. */
public final class Holders {
    private static final String MAPPED = "has mapped ";

    private final ProcFs proc;
    private final Path sysBlock;
    private final long self;
    private final List<OpenImage> images;

    /**
     * Creates a finder from a /proc, a /sys/class/block, the pid of this JVM, and the files known to be images of other
     * disks.
     */
    public Holders(ProcFs proc, Path sysBlock, long self, List<OpenImage> images) {
        this.proc = proc;
        this.sysBlock = sysBlock;
        this.self = self;
        this.images = images;
    }

    /** Returns a finder for the machine this JVM runs on. */
    public static Holders ofThisMachine() {
        return ofThisMachine(List.of());
    }

    /** Returns a finder for the machine this JVM runs on, with files known to be images of other disks. */
    public static Holders ofThisMachine(List<OpenImage> images) {
        return new Holders(
                new ProcFs(Path.of("/proc")),
                Path.of("/sys/class/block"),
                ProcessHandle.current().pid(),
                images);
    }

    /**
     * Returns one line for each use: pid, command, what it uses and how; or the other disk whose image it is.
     *
     * @param node the disk's node, such as {@code /dev/dblock0}; its partitions count too
     * @param mountPoints where the disk is mounted
     */
    public List<String> find(Path node, List<KernelPath> mountPoints) {
        Predicate<String> ours = path -> isOurs(path, node, mountPoints);
        List<String> lines = new ArrayList<>();
        for (long pid : proc.pids()) {
            Path directory = proc.path().resolve(Long.toString(pid));
            Set<String> uses = new LinkedHashSet<>();
            target(directory.resolve("cwd"), ours).ifPresent(path -> uses.add("its working directory is " + path));
            target(directory.resolve("root"), ours).ifPresent(path -> uses.add("its root directory is " + path));
            try (DirectoryStream<Path> files = Files.newDirectoryStream(directory.resolve("fd"))) {
                for (Path file : files) {
                    Optional<String> path = target(file, ours);
                    if (path.isPresent()) {
                        List<String> disks = disksOf(pid, file);
                        disks.forEach(disk -> lines.add(disk + ", whose image " + path.get() + " lies on it"));
                        if (disks.isEmpty()) {
                            uses.add("has open " + path.get());
                        }
                    }
                }
            } catch (IOException e) {
                // The process is gone, or belongs to another user and we are not root: report what we have.
            }
            proc.mapped(pid).stream().filter(ours).forEach(file -> uses.add(MAPPED + file));
            for (String use : uses) {
                lines.add((pid == self ? "this JVM (pid " + pid + ")" : "pid " + pid + " (" + proc.command(pid) + ")")
                        + " " + use);
            }
        }
        try (DirectoryStream<Path> holders =
                Files.newDirectoryStream(sysBlock.resolve(node.getFileName()).resolve("holders"))) {
            for (Path holder : holders) {
                lines.add("the block device " + holder.getFileName() + " is made from it");
            }
        } catch (IOException e) {
            // No such directory: the disk is gone.
        }
        return lines;
    }

    /** Returns whether this line of {@link #find} is about a mapped file. */
    public static boolean isMapping(String line) {
        return line.contains(" " + MAPPED);
    }

    /** Returns whether a process maps the disk or a file on it; the arguments are those of {@link #find}. */
    public boolean isMappedBy(long pid, Path node, List<KernelPath> mountPoints) {
        return proc.mapped(pid).stream().anyMatch(path -> isOurs(path, node, mountPoints));
    }

    /** Returns whether this JVM maps a file below this directory. */
    public boolean isMappedHere(Path mountPoint) {
        return proc.mapped(self).stream().anyMatch(file -> file.startsWith(mountPoint + "/"));
    }

    /** Returns the target of a link in /proc if it is ours. */
    private static Optional<String> target(Path link, Predicate<String> ours) {
        try {
            return Optional.of(Files.readSymbolicLink(link).toString()).filter(ours);
        } catch (IOException e) {
            return Optional.empty(); // Closed meanwhile.
        }
    }

    /** Returns the disks whose image is the file that a process has open here. */
    private List<String> disksOf(long pid, Path openFile) {
        if (images.stream().noneMatch(image -> image.pid() == pid)) {
            return List.of();
        }
        Optional<Object> file = OpenImage.keyOf(openFile);
        return images.stream()
                .filter(image -> image.pid() == pid && file.equals(Optional.of(image.file())))
                .map(OpenImage::disk)
                .toList();
    }

    private static boolean isOurs(String path, Path node, List<KernelPath> mountPoints) {
        String disk = node.toString();
        String plain = path.endsWith(" (deleted)") ? path.substring(0, path.length() - 10) : path;
        if (plain.equals(disk)) {
            return true;
        }
        // Partitions: after a name that ends in a digit comes a p.
        String partition = Character.isDigit(disk.charAt(disk.length() - 1)) ? disk + "p" : disk;
        if (plain.startsWith(partition) && plain.substring(partition.length()).matches("[0-9]+")) {
            return true;
        }
        return mountPoints.stream().anyMatch(point -> plain.equals(point.toString()) || plain.startsWith(point + "/"));
    }
}
