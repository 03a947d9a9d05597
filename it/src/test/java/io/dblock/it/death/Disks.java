// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The three disks of a round, a raw one, ext4 and XFS, and where the filesystems are mounted. */
record Disks(Path raw, Path ext4, Path xfs, Path ext4Mount, Path xfsMount) {

    List<Path> nodes() {
        return List.of(raw, ext4, xfs);
    }

    List<String> names() {
        return nodes().stream().map(node -> node.getFileName().toString()).toList();
    }

    /** How many reads and writes the raw disk has had. */
    long requestsOfRaw() throws IOException {
        String[] fields = Files.readString(
                        Path.of("/sys/block", raw.getFileName().toString(), "stat"))
                .strip()
                .split(" +", -1);
        return Long.parseLong(fields[0]) + Long.parseLong(fields[4]);
    }

    boolean filesHaveContent() throws IOException {
        for (Path mount : List.of(ext4Mount, xfsMount)) {
            Path file = mount.resolve("fio");
            if (!Files.exists(file) || Files.size(file) == 0) {
                return false;
            }
        }
        return true;
    }

    /** One line, for the victim's answer. */
    String line() {
        return String.join(
                " ", raw.toString(), ext4.toString(), xfs.toString(), ext4Mount.toString(), xfsMount.toString());
    }

    static Disks parse(String line) {
        String[] words = line.split(" ", -1);
        return new Disks(Path.of(words[0]), Path.of(words[1]), Path.of(words[2]), Path.of(words[3]), Path.of(words[4]));
    }
}
