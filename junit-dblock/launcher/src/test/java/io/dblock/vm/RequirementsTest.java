// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.internal.module.Distribution;
import java.util.List;
import org.junit.jupiter.api.Test;

class RequirementsTest {

    @Test
    void namesTheCommandForEachDistribution() {
        List<Requirements.Requirement> compiler = Requirements.all(MachineType.ofThisHost()).stream()
                .filter(requirement -> List.of("cc", "libc.a").contains(requirement.what()))
                .toList();
        assertThat(Requirements.installCommand(compiler, Distribution.DEBIAN))
                .isEqualTo("apt-get install -y --no-install-recommends gcc libc6-dev");
        assertThat(Requirements.installCommand(compiler, Distribution.FEDORA))
                .isEqualTo("dnf install -y gcc glibc-static");
        assertThat(Requirements.installCommand(compiler, Distribution.UNKNOWN))
                .isEqualTo("install with your distribution's package manager: cc libc.a");
    }

    @Test
    void aPackageIsNamedOnce() {
        assertThat(Requirements.installCommand(Requirements.all(MachineType.ofThisHost()), Distribution.DEBIAN)
                        .split(" ", -1))
                .doesNotHaveDuplicates()
                .contains("util-linux", "kmod");
    }

    @Test
    void aMissingProgramIsNamedWithWhatItIsForAndHowToGetIt() {
        assertThatThrownBy(() -> Requirements.require("no-such-program", MachineType.ofThisHost()))
                .isInstanceOf(VmException.class)
                .hasMessage("'no-such-program' is missing; install it with the distribution's package manager");
        assertThat(Requirements.remedy("setpriv", MachineType.ofThisHost()))
                .startsWith("it ends QEMU together with the process that started it; as root: ")
                .endsWith("util-linux");
    }
}
