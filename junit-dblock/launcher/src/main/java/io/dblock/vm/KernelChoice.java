// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.util.Optional;

/**
 * The user's choice of a kernel for guests.
 *
 * @param wanted the beginning of a release, the absolute path of an image, or {@code uml} or {@code uml-debug} for User
 *     Mode Linux; empty for the default
 * @param machine the architecture
 */
record KernelChoice(Optional<String> wanted, MachineType machine) {

    /** Returns the kernel of User Mode Linux that is wanted; empty if another kind is. */
    Optional<UserModeKernel> userMode() {
        return wanted.flatMap(UserModeKernel::of);
    }

    /**
     * Parses {@code RELEASE}, {@code RELEASE/ARCHITECTURE}, {@code uml}, {@code uml-debug} or the absolute path of an image
     * for this host's architecture.
     *
     * @throws VmException if there is no guest of this architecture
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
