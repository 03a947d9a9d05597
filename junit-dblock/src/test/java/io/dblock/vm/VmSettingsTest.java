// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

class VmSettingsTest {

    @Test
    void hasDefaultsForEverything() {
        VmSettings settings = VmSettings.of(Map.of());
        assertThat(settings.memoryMiB(MachineType.X86_64)).isEqualTo(3072);
        assertThat(settings.cpus()).isEqualTo(2);
        assertThat(settings.bootTimeoutSeconds()).isEqualTo(300);
        assertThat(settings.silenceTimeoutSeconds()).isEqualTo(300);
        assertThat(settings.accelerator()).isEmpty();
        assertThat(settings.kernel()).isEmpty();
        assertThat(settings.inject()).isEmpty();
        assertThat(settings.qemuOptions()).isEmpty();
        assertThat(settings.shares()).isEmpty();
    }

    @Test
    void takesWhatTheEnvironmentSays() {
        VmSettings settings = VmSettings.of(Map.of(
                VmSettings.MEMORY, "512",
                VmSettings.ACCEL, "TCG",
                VmSettings.SHARE, "/a:/b c:",
                VmSettings.QEMU_OPTIONS, " -icount  shift=1 "));
        assertThat(settings.memoryMiB(MachineType.X86_64)).isEqualTo(512);
        assertThat(settings.accelerator()).contains(Accelerator.TCG);
        assertThat(settings.shares()).containsExactly(Path.of("/a"), Path.of("/b c"));
        assertThat(settings.qemuOptions()).containsExactly("-icount", "shift=1");
    }

    @Test
    void eachAcceleratorIsAskedForByItsName() {
        assertThat(VmSettings.of(Map.of(VmSettings.ACCEL, "kvm")).accelerator()).contains(Accelerator.KVM);
        assertThat(VmSettings.of(Map.of(VmSettings.ACCEL, "uml")).accelerator()).contains(Accelerator.UML);
        assertThat(VmSettings.of(Map.of(VmSettings.ACCEL, "auto")).accelerator())
                .isEmpty();
    }

    @Test
    void aMachineGetsNoMoreMemoryThanItCanUse() {
        VmSettings settings = VmSettings.of(Map.of(VmSettings.MEMORY, "4096"));
        assertThat(settings.memoryMiB(MachineType.X86_64)).isEqualTo(4096);
        assertThat(settings.memoryMiB(MachineType.I386)).isEqualTo(768);
        assertThat(VmSettings.of(Map.of(VmSettings.MEMORY, "512")).memoryMiB(MachineType.I386))
                .isEqualTo(512);
    }

    @Test
    void aPropertyWorksWhereTheVariableIsNotSet() {
        System.setProperty("dblock.vm.boot.timeout", "17");
        try {
            assertThat(VmSettings.of(Map.of()).bootTimeoutSeconds()).isEqualTo(17);
            assertThat(VmSettings.of(Map.of(VmSettings.BOOT_TIMEOUT, "18")).bootTimeoutSeconds())
                    .isEqualTo(18);
        } finally {
            System.clearProperty("dblock.vm.boot.timeout");
        }
    }

    @Test
    void refusesWhatCannotBe() {
        assertThatThrownBy(() -> VmSettings.of(Map.of(VmSettings.MEMORY, "3G")).memoryMiB(MachineType.X86_64))
                .isInstanceOf(VmException.class)
                .hasMessage("DBLOCK_VM_MEMORY=3G: must be a whole number from 256 to 1048576");
        assertThatThrownBy(() -> VmSettings.of(Map.of(VmSettings.CPUS, "0")).cpus())
                .hasMessage("DBLOCK_VM_CPUS=0: must be a whole number from 1 to 64");
        assertThatThrownBy(() -> VmSettings.of(Map.of(VmSettings.ACCEL, "xen")).accelerator())
                .hasMessage("DBLOCK_VM_ACCEL=xen: allowed are auto, kvm, uml and tcg");
    }
}
