// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The running kernel's release, such as 6.12.117+deb12-amd64. */
public final class KernelRelease {

    private KernelRelease() {}

    /** As {@code uname -r} says it. */
    public static String text() {
        try {
            return Files.readString(Path.of("/proc/sys/kernel/osrelease")).strip();
        } catch (IOException e) {
            throw new UncheckedIOException("No /proc/sys/kernel/osrelease", e);
        }
    }

    /** Whether it is this one or newer. */
    public static boolean isAtLeast(int major, int minor) {
        String[] parts = text().split("[^0-9]+", 3);
        int ours = Integer.parseInt(parts[0]);
        return ours > major || (ours == major && Integer.parseInt(parts[1]) >= minor);
    }
}
