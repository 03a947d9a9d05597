// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Optional;
import org.junit.jupiter.api.Test;

class KernelChoiceTest {

    private static final MachineType HOST = MachineType.ofThisHost();

    @Test
    void isOfThisHostsArchitectureUnlessAnotherIsNamed() {
        assertThat(choice("6.12")).isEqualTo(new KernelChoice(Optional.of("6.12"), HOST));
        assertThat(choice("6.12/armhf")).isEqualTo(new KernelChoice(Optional.of("6.12"), MachineType.ARMHF));
        assertThat(choice(" ")).isEqualTo(new KernelChoice(Optional.empty(), HOST));
        assertThat(KernelChoice.of(Optional.empty())).isEqualTo(new KernelChoice(Optional.empty(), HOST));
    }

    @Test
    void anAbsolutePathIsAnImage() {
        assertThat(choice("/boot/arm64")).isEqualTo(new KernelChoice(Optional.of("/boot/arm64"), HOST));
    }

    @Test
    void anUnknownArchitectureIsNamedWithThoseThatAreKnown() {
        assertThatThrownBy(() -> choice("6.12/vax"))
                .isInstanceOf(VmException.class)
                .hasMessage("no guest machine for the architecture 'vax': known are amd64, arm64, armhf, i386");
    }

    @Test
    void thoseThatAreProgramsHaveNames() {
        assertThat(choice("uml").userMode()).contains(UserModeKernel.PLAIN);
        assertThat(choice("uml-debug").userMode()).contains(UserModeKernel.DEBUG);
        assertThat(choice("6.12").userMode()).isEmpty();
        assertThat(KernelChoice.of(Optional.empty()).userMode()).isEmpty();
    }

    private static KernelChoice choice(String text) {
        return KernelChoice.of(Optional.of(text));
    }
}
