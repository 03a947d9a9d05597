// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.util.Optional;

/**
 * Which kernel a guest is to have.
 *
 * @param wanted the beginning of a release, or the absolute path of an image, or nothing for the default
 * @param machine the architecture
 */
record KernelChoice(Optional<String> wanted, MachineType machine) {

    /**
     * From {@code RELEASE}, {@code RELEASE/ARCHITECTURE} or the absolute path of an image, which is one for this host.
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
