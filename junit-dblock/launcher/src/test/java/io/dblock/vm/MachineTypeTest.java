// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.internal.module.Distribution;
import java.util.List;
import org.junit.jupiter.api.Test;

class MachineTypeTest {

    /** Debian's names on an x86-64 host. */
    @Test
    void anotherArchitecturesProgramsAreMadeByACrossCompiler() {
        String arch = System.getProperty("os.arch");
        System.setProperty("os.arch", "amd64");
        try {
            assertThat(MachineType.X86_64.compiler()).isEqualTo("cc");
            assertThat(MachineType.X86_64.makeArguments()).isEmpty();
            assertThat(MachineType.ARMHF.compiler()).isEqualTo("arm-linux-gnueabihf-gcc");
            assertThat(MachineType.ARMHF.makeArguments())
                    .containsExactly("ARCH=arm", "CROSS_COMPILE=arm-linux-gnueabihf-");
            assertThat(MachineType.I386.compilerPackages())
                    .isEqualTo(List.of("gcc-i686-linux-gnu", "libc6-dev-i386-cross"));
        } finally {
            System.setProperty("os.arch", arch);
        }
    }

    /** On an ARM host, ARM programs and kernels need no cross compiler. */
    @Test
    void onAnArmHostTheArmMachineIsItsOwn() {
        String arch = System.getProperty("os.arch");
        System.setProperty("os.arch", "aarch64");
        try {
            MachineType host = MachineType.ofThisHost();
            assertThat(host).isEqualTo(MachineType.AARCH64);
            assertThat(host.compiler()).isEqualTo("cc");
            assertThat(host.console()).isEqualTo("ttyAMA0");
            assertThat(host.options(Accelerator.KVM)).containsSubsequence("-machine", "virt", "-cpu", "host");
            assertThat(Requirements.installCommand(Requirements.all(host), Distribution.DEBIAN))
                    .contains("qemu-system-arm")
                    .doesNotContain("linux-gnu");
            assertThat(MachineType.X86_64.compilerPackages())
                    .isEqualTo(List.of("gcc-x86-64-linux-gnu", "libc6-dev-amd64-cross"));
        } finally {
            System.setProperty("os.arch", arch);
        }
    }
}
