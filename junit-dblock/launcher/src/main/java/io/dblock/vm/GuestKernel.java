// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A kernel that a guest can boot.
 *
 * @param machine its architecture
 * @param release its release, as {@code uname -r} prints it
 * @param image the kernel image, or the program of User Mode Linux
 * @param program whether the kernel is a program of this host: User Mode Linux
 * @param modules the directory with {@code modules.dep} and the modules
 * @param build the {@code KDIR} for {@code make} to build a module; empty if there are no headers
 * @param suite the Debian suite whose tools must build modules for it; empty if this machine's tools do
 * @param origin where the kernel came from, for the user
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

    /** Returns the arguments of make to build a module for this kernel. */
    List<String> makeArguments() {
        return program ? List.of("ARCH=um") : machine.makeArguments();
    }
}
