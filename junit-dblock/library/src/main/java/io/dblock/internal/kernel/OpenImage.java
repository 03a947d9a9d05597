// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Optional;

/**
 * A file that a process has open because it is the image of a disk.
 *
 * @param pid the process
 * @param file the file's {@linkplain BasicFileAttributes#fileKey() key}: the file may be renamed or deleted while it is
 *     open
 * @param disk the name of the disk
 */
public record OpenImage(long pid, Object file, String disk) {

    /** Returns the key of the file at a path; empty if there is none. */
    public static Optional<Object> keyOf(Path path) {
        try {
            return Optional.ofNullable(
                    Files.readAttributes(path, BasicFileAttributes.class).fileKey());
        } catch (IOException e) {
            return Optional.empty();
        }
    }
}
