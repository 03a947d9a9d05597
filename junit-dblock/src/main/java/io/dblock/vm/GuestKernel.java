// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.nio.file.Path;
import java.util.Optional;

/**
 * A kernel that a guest can boot.
 *
 * @param machine its architecture
 * @param release as {@code uname -r} gives it
 * @param image the kernel image
 * @param modules the directory with {@code modules.dep} and the modules
 * @param build what to give to {@code make} as {@code KDIR} to build a module for it
 * @param suite the release of Debian whose tools have to build modules for it, if those of this machine may not do
 * @param origin where it came from, for the user
 */
record GuestKernel(
        MachineType machine,
        String release,
        Path image,
        Path modules,
        Optional<Path> build,
        Optional<String> suite,
        String origin) {}
