// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import io.dblock.testcontainers.ContainerEngine.Owner;
import java.util.Optional;
import java.util.function.Function;

/** Finds who is to own the directory that a container keeps its data in. */
final class Owners {
    private Owners() {}

    /**
     * Returns the owner of a directory in an image, as Docker does for a new volume. If the image has no such directory:
     * the user of its containers.
     *
     * @param user the user that its containers run as, as the image says it: a name or a number, and a group at times
     * @param files the files of the image by their paths
     */
    static Owner find(String path, String user, Function<String, Optional<TarEntry>> files) {
        Optional<TarEntry> directory = files.apply(path);
        if (directory.isPresent()) {
            TarEntry entry = directory.get();
            return new Owner(entry.uid(), entry.gid(), entry.mode());
        }
        if (user.isEmpty()) {
            return Owner.ROOT;
        }
        String[] parts = user.split(":", 2);
        Optional<String[]> entry = files.apply("/etc/passwd").flatMap(passwd -> entry(passwd, parts[0]));
        int uid = number(parts[0])
                .or(() -> entry.flatMap(fields -> number(fields[2])))
                .orElse(0);
        int gid = Optional.of(parts)
                .filter(both -> both.length == 2)
                .flatMap(both -> number(both[1]))
                .or(() -> entry.flatMap(fields -> number(fields[3])))
                .orElse(0);
        return new Owner(uid, gid, Owner.ROOT.mode());
    }

    /** Returns the fields of a user, who is given by name or number, in /etc/passwd. */
    private static Optional<String[]> entry(TarEntry passwd, String user) {
        return passwd.content()
                .lines()
                .map(line -> line.split(":", -1))
                .filter(fields -> fields.length > 3 && (fields[0].equals(user) || fields[2].equals(user)))
                .findFirst();
    }

    private static Optional<Integer> number(String text) {
        return text.matches("[0-9]{1,9}") ? Optional.of(Integer.valueOf(text)) : Optional.empty();
    }
}
