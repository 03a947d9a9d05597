// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.util.Optional;

/**
 * Which kernel a guest is to have.
 *
 * @param wanted the beginning of a release, the absolute path of an image, {@code uml} or {@code uml-debug} for one of User
 *     Mode Linux, or nothing for the default
 * @param machine the architecture
 */
record KernelChoice(Optional<String> wanted, MachineType machine) {

    /** The kernel of User Mode Linux, a program of this host, that it is to be; nothing for another. */
    Optional<UserModeKernel> userMode() {
        return wanted.flatMap(UserModeKernel::of);
    }

    /**
     * From {@code RELEASE}, {@code RELEASE/ARCHITECTURE}, {@code uml} or the absolute path of an image, which is one for this host.
     *
     * @throws VmException for an architecture without a machine
     */
    static KernelChoice of(Optional<String> text) {
        String choice = text.orElse("").strip();
        int slash = choice.indexOf('/');
        if (slash <= 0) {
            return new KernelChoice(Optional.of(choice).filter(s -> !s.isEmpty()), MachineType.ofThisHost());
        }
        return new KernelChoice(Optional.of(choice.substring(0, slash)), MachineType.of(choice.substring(slash + 1)));
    }
}
