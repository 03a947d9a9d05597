// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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
        assertThat(settings.qemuOptions()).isEmpty();
        assertThat(settings.shares()).isEmpty();
        assertThat(settings.forwardedPorts()).isEmpty();
        assertThat(settings.images()).isEmpty();
    }

    @Test
    void imagesAreFilesAndThoseOfDirectories(@TempDir Path directory) throws IOException {
        Path single = Files.createFile(directory.resolve("single"));
        Path several = Files.createDirectory(directory.resolve("several"));
        for (String name : List.of("b.tar", "a.tar", "README")) {
            Files.createFile(several.resolve(name));
        }
        assertThat(VmSettings.of(Map.of(VmSettings.IMAGES, single + "::" + several))
                        .images())
                .containsExactly(single, several.resolve("a.tar"), several.resolve("b.tar"));
    }

    @Test
    void refusesImagesThatAreNotThere(@TempDir Path directory) throws IOException {
        Path missing = directory.resolve("missing.tar");
        assertThatThrownBy(() -> VmSettings.of(Map.of(VmSettings.IMAGES, missing.toString()))
                        .images())
                .isInstanceOf(VmException.class)
                .hasMessage("DBLOCK_VM_IMAGES: there is no file or directory " + missing
                        + ": write an image there with 'docker save IMAGE -o " + missing + "'");
        assertThatThrownBy(() -> VmSettings.of(Map.of(VmSettings.IMAGES, directory.toString()))
                        .images())
                .isInstanceOf(VmException.class)
                .hasMessageContaining("the directory " + directory + " has no *.tar");
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
    void forwardsAPortToTheSameOneOrToAnother() {
        assertThat(VmSettings.of(Map.of(VmSettings.FORWARD, "5005, 15005:5005,1:65535"))
                        .forwardedPorts())
                .containsExactly(
                        new ForwardedPort(5005, 5005), new ForwardedPort(15005, 5005), new ForwardedPort(1, 65535));
    }

    @Test
    void refusesPortsThatAreNone() {
        Map.of(
                        "jdwp", "'jdwp' is neither PORT nor HOSTPORT:GUESTPORT",
                        "5005,", "'' is neither PORT nor HOSTPORT:GUESTPORT",
                        "1:2:3", "'1:2:3' is neither PORT nor HOSTPORT:GUESTPORT",
                        "-1", "'-1' is neither PORT nor HOSTPORT:GUESTPORT",
                        "0", "0 is no port",
                        "5005:65536", "65536 is no port",
                        "5005,6:7,5005:6", "port 5005 of this host is named twice")
                .forEach((value, why) -> assertThatThrownBy(() ->
                                VmSettings.of(Map.of(VmSettings.FORWARD, value)).forwardedPorts())
                        .isInstanceOf(VmException.class)
                        .hasMessage(
                                "DBLOCK_VM_FORWARD=" + value + ": " + why + "; allowed are PORT and HOSTPORT:GUESTPORT,"
                                        + " split by commas, each from 1 to 65535 and each of this host's once. Name them so, such"
                                        + " as DBLOCK_VM_FORWARD=5005 or DBLOCK_VM_FORWARD=15005:5005,8080"));
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
