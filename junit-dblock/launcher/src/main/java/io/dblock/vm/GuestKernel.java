// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A kernel that a guest can boot.
 *
 * @param machine its architecture
 * @param release as {@code uname -r} gives it
 * @param image the kernel image, or a kernel that is a program
 * @param program whether it is a program of this host: a kernel of User Mode Linux
 * @param modules the directory with {@code modules.dep} and the modules
 * @param build what to give to {@code make} as {@code KDIR} to build a module for it
 * @param suite the release of Debian whose tools have to build modules for it, if those of this machine may not do
 * @param origin where it came from, for the user
 */
record GuestKernel(
        MachineType machine,
        String release,
        Path image,
        boolean program,
        Path modules,
        Optional<Path> build,
        Optional<String> suite,
        String origin) {

    /** What make has to be told to build a module for it. */
    List<String> makeArguments() {
        return program ? List.of("ARCH=um") : machine.makeArguments();
    }
}
