// SPDX-License-Identifier: Apache-2.0
package io.dblock.kernel;

import io.dblock.ModuleUnavailableException;
import java.nio.file.Path;

/** Builds the kernel module from the sources in the jar, once per kernel; the result is kept in {@link CacheDirectory}. */
@SuppressWarnings("DoNotCallSuggester")
public final class ModuleBuilder {
    private ModuleBuilder() {}

    /**
     * The module for this kernel: the cached one, or one built now. Safe against other threads and processes.
     *
     * @param kernelRelease as {@code uname -r} says it in that kernel
     * @param kernelBuildDirectory its headers, as in {@code /lib/modules/<release>/build}
     * @return the path of {@code dblock.ko}
     * @throws ModuleUnavailableException if it cannot be built; the message has the cause, the remedy, and the end of the
     *     build's output
     */
    public static Path build(String kernelRelease, Path kernelBuildDirectory) {
        throw new ModuleUnavailableException("not implemented yet: " + kernelRelease + kernelBuildDirectory);
    }
}
