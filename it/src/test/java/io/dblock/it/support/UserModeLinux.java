// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Detects whether this kernel is a program of another kernel. Then system calls and page faults are expensive. Each
 * contiguous run of pages in this kernel's memory is a mapping of the other kernel, which limits the mappings of a
 * process.
 */
public final class UserModeLinux {
    private static final boolean HERE = isIn(Path.of("/proc/cpuinfo"));

    private UserModeLinux() {}

    /** Returns whether this is User Mode Linux. */
    public static boolean isHere() {
        return HERE;
    }

    static boolean isIn(Path processors) {
        try (BufferedReader lines = Files.newBufferedReader(processors, StandardCharsets.ISO_8859_1)) {
            return lines.lines().anyMatch(line -> line.startsWith("vendor_id") && line.endsWith("User Mode Linux"));
        } catch (IOException e) {
            return false;
        }
    }
}
