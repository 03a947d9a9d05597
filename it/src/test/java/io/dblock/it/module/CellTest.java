// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.module;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.vm.VmSetup;
import org.junit.jupiter.api.Test;

class CellTest {

    private static final String WHOLE = Cell.WHOLE;
    private static final String OWN = VmSetup.architecture();

    @Test
    void theArchitectureIsThisHostsUnlessItIsNamed() {
        assertThat(Cell.all("6.12, 6.1/armhf"))
                .containsExactly(new Cell("6.12", OWN, WHOLE), new Cell("6.1/armhf", "armhf", WHOLE));
        assertThat(Cell.all("6.1/" + OWN)).containsExactly(new Cell("6.1", OWN, WHOLE));
    }

    @Test
    void programsMayBeOfAnotherArchitectureThanTheKernel() {
        assertThat(Cell.all("6.1/" + OWN + "+i386,6.1.0-50+x/riscv64+armhf"))
                .containsExactly(new Cell("6.1", "i386", WHOLE), new Cell("6.1.0-50+x/riscv64", "armhf", WHOLE));
    }

    @Test
    void severalGuestsMayShareThePrograms() {
        assertThat(Cell.all("6.1:1/2,6.1:2/2,6.1/armhf:3/4"))
                .containsExactly(
                        new Cell("6.1", OWN, "1/2"), new Cell("6.1", OWN, "2/2"), new Cell("6.1/armhf", "armhf", "3/4"))
                .extracting(Cell::name)
                .containsExactly("6.1-" + OWN + "-1of2", "6.1-" + OWN + "-2of2", "6.1-armhf-armhf-3of4");
    }

    @Test
    void anImageIsNamedByItsPath() {
        assertThat(Cell.all("/debug/6.12/vmlinuz")).containsExactly(new Cell("/debug/6.12/vmlinuz", OWN, WHOLE));
        assertThat(Cell.fileName("/debug/6.12/vmlinuz")).isEqualTo("6.12-vmlinuz");
    }

    @Test
    void whatIsNoneIsNamed() {
        assertThatThrownBy(() -> Cell.all("6.12,6.1/"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'6.1/'");
    }
}
