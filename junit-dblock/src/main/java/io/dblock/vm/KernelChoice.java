// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.util.Optional;

/**
 * Which kernel a guest is to have.
 *
 * @param wanted the beginning of a release, the absolute path of an image, {@code uml} for one of User Mode Linux, or nothing for
 *     the default
 * @param machine the architecture
 */
record KernelChoice(Optional<String> wanted, MachineType machine) {

    private static final String USER_MODE = "uml";

    /** Whether it is to be a kernel of User Mode Linux, which is a program of this host. */
    boolean isUserMode() {
        return wanted.equals(Optional.of(USER_MODE));
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
