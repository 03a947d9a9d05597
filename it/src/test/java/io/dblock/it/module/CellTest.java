// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.module;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.vm.VmSetup;
import org.junit.jupiter.api.Test;

class CellTest {

    private static final String OWN = VmSetup.architecture();

    @Test
    void theArchitectureIsThisHostsUnlessItIsNamed() {
        assertThat(Cell.all("6.12, 6.1/armhf")).containsExactly(new Cell("6.12", OWN), new Cell("6.1/armhf", "armhf"));
        assertThat(Cell.all("6.1/" + OWN)).containsExactly(new Cell("6.1", OWN));
    }

    @Test
    void programsMayBeOfAnotherArchitectureThanTheKernel() {
        assertThat(Cell.all("6.1/" + OWN + "+i386,6.1.0-50+x/riscv64+armhf"))
                .containsExactly(new Cell("6.1", "i386"), new Cell("6.1.0-50+x/riscv64", "armhf"));
    }

    @Test
    void anImageIsNamedByItsPath() {
        assertThat(Cell.all("/debug/6.12/vmlinuz")).containsExactly(new Cell("/debug/6.12/vmlinuz", OWN));
        assertThat(Cell.fileName("/debug/6.12/vmlinuz")).isEqualTo("6.12-vmlinuz");
    }

    @Test
    void whatIsNoneIsNamed() {
        assertThatThrownBy(() -> Cell.all("6.12,6.1/"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'6.1/'");
    }
}
