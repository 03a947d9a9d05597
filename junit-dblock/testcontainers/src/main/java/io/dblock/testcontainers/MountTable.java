// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import io.dblock.BlockDevice;
import io.dblock.DblockException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Where a device is mounted for other processes: a container has a mount table of its own. */
class MountTable {
    private static final Duration PAUSE = Duration.ofMillis(20);

    private final Path proc;
    private final Path sysBlock;

    MountTable(Path proc, Path sysBlock) {
        this.proc = proc;
        this.sysBlock = sysBlock;
    }

    static MountTable ofThisMachine() {
        return new MountTable(Path.of("/proc"), Path.of("/sys/class/block"));
    }

    /** Returns whether the device is mounted there for this process. */
    boolean has(long pid, BlockDevice device, String mountPoint) {
        return mounts(Long.toString(pid)).stream()
                .filter(fields -> fields[4].equals(mountPoint))
                .anyMatch(fields -> isOf(fields, device));
    }

    /**
     * Waits until no process has the device mounted in a mount table other than this process's. The kernel takes the
     * mounts of a container away a little after its last process has ended.
     *
     * @throws DblockException if the device is still mounted after {@code limit}
     */
    void awaitUnmountedElsewhere(BlockDevice device, Duration limit) {
        long start = System.nanoTime();
        List<String> users = mountedElsewhere(device);
        while (!users.isEmpty()) {
            if (System.nanoTime() - start > limit.toNanos()) {
                throw new DblockException(device.name() + " is still mounted for other processes "
                        + limit.toSeconds() + " s after its containers ended, so the kernel keeps what it has lost:\n  "
                        + String.join("\n  ", users));
            }
            try {
                Thread.sleep(PAUSE.toMillis());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new DblockException(
                        "Interrupted while waiting for " + device.name() + " to be unmounted by its containers", e);
            }
            users = mountedElsewhere(device);
        }
    }

    /** Returns one line for each other mount table that has the device. */
    List<String> mountedElsewhere(BlockDevice device) {
        Set<String> seen = new HashSet<>();
        seen.add(namespace("self"));
        List<String> lines = new ArrayList<>();
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(proc, "[0-9]*")) {
            for (Path process : processes) {
                String pid = process.getFileName().toString();
                if (seen.add(namespace(pid))) {
                    mounts(pid).stream()
                            .filter(fields -> isOf(fields, device))
                            .forEach(
                                    fields -> lines.add("pid " + pid + " (" + command(process) + "), at " + fields[4]));
                }
            }
        } catch (IOException e) {
            throw new DblockException("Cannot read " + proc + ": " + e, e);
        }
        return lines;
    }

    private String namespace(String pid) {
        try {
            return Files.readSymbolicLink(proc.resolve(pid).resolve("ns/mnt")).toString();
        } catch (IOException e) {
            return ""; // The process is gone, or about to be.
        }
    }

    private static String command(Path process) {
        try {
            return Files.readString(process.resolve("comm")).strip();
        } catch (IOException e) {
            return "gone";
        }
    }

    /** Returns the mounts of a process, as in proc(5), field by field; none if it is gone. */
    private List<String[]> mounts(String pid) {
        try {
            return Files.readAllLines(proc.resolve(pid).resolve("mountinfo")).stream()
                    .map(line -> line.split(" ", -1))
                    .filter(fields -> fields.length > 8)
                    .toList();
        } catch (IOException e) {
            return List.of();
        }
    }

    private boolean isOf(String[] fields, BlockDevice device) {
        // btrfs shows a device number of its own, so that only the source tells.
        String source = fields[fields.length - 2];
        return fields[2].equals(number(device))
                || (fields[2].startsWith("0:") && source.equals(device.path().toString()));
    }

    private String number(BlockDevice device) {
        try {
            return Files.readString(sysBlock.resolve(device.name()).resolve("dev"))
                    .strip();
        } catch (IOException e) {
            return "gone";
        }
    }
}
