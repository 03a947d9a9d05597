// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GuestSpeedTest {

    @TempDir
    Path root;

    private Path device;

    @BeforeEach
    void aMachine() throws IOException {
        device = Files.createDirectory(root.resolve("dev")).resolve("kvm");
    }

    private GuestSpeed with(Map<String, String> environment) {
        return new GuestSpeed(root, false, environment);
    }

    @Test
    void nothingIsFasterThanKvm() {
        assertThat(with(Map.of()).faster(Accelerator.KVM)).isEmpty();
    }

    @Test
    void withoutTheDeviceThereIsNoAdviceButInAContainer() throws IOException {
        assertThat(with(Map.of()).faster(Accelerator.UML)).isEmpty();
        Files.createFile(root.resolve(".dockerenv"));
        assertThat(with(Map.of()).faster(Accelerator.UML)).get().asString().contains("--device /dev/kvm");
    }

    @Test
    void aDeviceThatOpensAndRunsNoGuestIsNoAdvice() throws IOException {
        Files.createFile(device);
        assertThat(new GuestSpeed(root, true, Map.of()).faster(Accelerator.UML)).isEmpty();
    }

    @Test
    void aDeviceThatDoesNotOpenIsToBeMadeToOpenByTheCommandForThisPlace() throws IOException {
        Files.createFile(device);
        assertThat(with(Map.of()).faster(Accelerator.UML)).get().asString().contains("sudo usermod -aG kvm $USER");
        assertThat(with(Map.of("GITHUB_ACTIONS", "true")).faster(Accelerator.TCG))
                .get()
                .asString()
                .contains("udevadm trigger --name-match=kvm");
    }

    @Test
    void emulationIsSlowerThanAKernelThatIsAProgram() {
        assertThat(with(Map.of()).faster(Accelerator.TCG).isPresent()).isEqualTo(UserModeKernel.isPossible());
    }
}
