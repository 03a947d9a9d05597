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
 * @param file the file's {@linkplain BasicFileAttributes#fileKey() key}: it may be renamed, or deleted, while it is open
 * @param disk the name of the disk
 */
public record OpenImage(long pid, Object file, String disk) {

    /** The key of the file that a path leads to; empty if it leads nowhere. */
    public static Optional<Object> keyOf(Path path) {
        try {
            return Optional.ofNullable(
                    Files.readAttributes(path, BasicFileAttributes.class).fileKey());
        } catch (IOException e) {
            return Optional.empty();
        }
    }
}
