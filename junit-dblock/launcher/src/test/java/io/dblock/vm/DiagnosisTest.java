// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.vm.VmSetup.Finding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** Tests of what the diagnosis reports about User Mode Linux. */
@EnabledIf("io.dblock.vm.UserModeKernel#isPossible")
class DiagnosisTest {
    private static final String KERNEL = "kernel of User Mode Linux";

    @TempDir
    private Path directory;

    private static Finding of(String what, List<Finding> findings) {
        return findings.stream()
                .filter(finding -> finding.what().equals(what))
                .findFirst()
                .orElseThrow();
    }

    private List<Finding> withKernel(String name) {
        VmSettings settings = VmSettings.of(
                Map.of(VmSettings.UML_KERNEL, directory.resolve(name).toString()));
        return VmSetup.diagnose(settings, Optional.empty());
    }

    @Test
    void withAKernelOfItsOwnQemuIsNotNeeded() throws IOException {
        Path kernel = Files.writeString(directory.resolve("linux"), "#!/bin/sh\n");
        assertThat(kernel.toFile().setExecutable(true)).isTrue();
        Files.createDirectories(directory.resolve("lib/modules/7.3.0-of-a-test"));
        List<Finding> findings = withKernel("linux");
        assertThat(of(KERNEL, findings).good()).isTrue();
        assertThat(of(KERNEL, findings).found()).isEqualTo(kernel + ", named");
        assertThat(of(MachineType.ofThisHost().binary(), findings).needed()).isFalse();
        assertThat(of("guest kernel", findings).needed()).isFalse();
        assertThat(of("cc", findings).needed()).isTrue();
    }

    @Test
    void oneThatIsNamedAndCannotBeUsedIsInTheWay() {
        List<Finding> findings = withKernel("none");
        assertThat(of(KERNEL, findings))
                .returns(false, Finding::good)
                .returns(true, Finding::needed)
                .extracting(Finding::found)
                .asString()
                .contains("DBLOCK_UML_KERNEL=" + directory.resolve("none"), "there is no such file");
        assertThat(of(MachineType.ofThisHost().binary(), findings).needed()).isTrue();
    }

    @Test
    void kvmIsNotNeeded() {
        assertThat(of("/dev/kvm", withKernel("none")).needed()).isFalse();
    }
}
