// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.module;

import io.dblock.DblockException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;

/**
 * The directory that keeps built modules and downloaded kernels between runs: {@code $DBLOCK_CACHE}, else
 * {@code $XDG_CACHE_HOME/junit-dblock}, else {@code ~/.cache/junit-dblock}.
 */
public final class CacheDirectory {
    /** The environment variable for the directory. */
    public static final String VARIABLE = "DBLOCK_CACHE";

    private CacheDirectory() {}

    /**
     * Returns the cache directory, created with mode 0700 if it does not exist.
     *
     * @throws DblockException if it cannot be created
     */
    public static Path root() {
        Path root = locate(System.getenv(), System.getProperty("user.home"));
        try {
            if (!Files.isDirectory(root)) {
                if (root.getParent() != null) {
                    Files.createDirectories(root.getParent());
                }
                Files.createDirectories(
                        root, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            }
        } catch (IOException e) {
            throw new DblockException(
                    "Cannot create the cache directory " + root + ": " + e
                            + ". Set the environment variable DBLOCK_CACHE to a directory that can be written.",
                    e);
        }
        return root;
    }

    static Path locate(Map<String, String> environment, String home) {
        String own = environment.get(VARIABLE);
        if (own != null && !own.isBlank()) {
            return Path.of(own).toAbsolutePath();
        }
        String xdg = environment.get("XDG_CACHE_HOME");
        // The XDG specification says to ignore relative paths here.
        if (xdg != null && Path.of(xdg).isAbsolute()) {
            return Path.of(xdg, "junit-dblock");
        }
        return Path.of(home, ".cache", "junit-dblock");
    }
}
