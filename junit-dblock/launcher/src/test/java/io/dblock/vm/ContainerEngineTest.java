// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ContainerEngineTest {

    private static final ContainerEngine UNPACKED = new ContainerEngine(
            Optional.of(Path.of("/cache/programs")),
            Path.of("/cache/engine.sh"),
            Path.of("/cache/engine-socket"),
            Path.of("/cache/images.ext4"));

    private static final ContainerEngine HOSTS =
            new ContainerEngine(Optional.empty(), UNPACKED.script(), UNPACKED.socket(), UNPACKED.store());

    @Test
    void withoutImagesThereIsNone() {
        assertThat(ContainerEngine.prepare(image(Path.of("/")), null, VmSettings.of(Map.of()), line -> {}))
                .isEmpty();
    }

    @Test
    void aGuestOfAnotherArchitectureHasNone(@TempDir Path directory) throws Exception {
        Path file = Files.createFile(directory.resolve("image.tar"));
        VmSettings settings = VmSettings.of(Map.of(VmSettings.IMAGES, file.toString()));
        assertThatThrownBy(() -> ContainerEngine.prepare(image(Path.of("/cache/root")), null, settings, line -> {}))
                .isInstanceOf(VmException.class)
                .hasMessageContaining("DBLOCK_VM_IMAGES")
                .hasMessageContaining("another architecture");
    }

    private static GuestImage image(Path root) {
        return new GuestImage(
                MachineType.ofThisHost(),
                "7.3.4-test",
                Path.of("/cache/linux"),
                Path.of("/cache/modules"),
                Path.of("/cache/initramfs"),
                List.of(),
                Optional.empty(),
                root);
    }

    @Test
    void theCommandRunsBesideTheSocketOfTheEngine() {
        byte[] odd = {(byte) 0xfe};
        GuestCommand command = new GuestCommand(
                List.of("java".getBytes(StandardCharsets.UTF_8), odd),
                List.of("A=1".getBytes(StandardCharsets.UTF_8), "DOCKER_TLS_VERIFY=1".getBytes(StandardCharsets.UTF_8)),
                "/home/x".getBytes(StandardCharsets.UTF_8),
                "0022");
        GuestCommand around = HOSTS.around(command, Path.of("/home/x/target/engine.log"));
        assertThat(around.arguments())
                .extracting(bytes -> new String(bytes, StandardCharsets.ISO_8859_1))
                .containsExactly(
                        "/cache/engine-socket",
                        "/run/docker.sock",
                        "/home/x/target/engine.log",
                        "180",
                        "sh",
                        "/cache/engine.sh",
                        "start",
                        "",
                        "/cache/images.ext4",
                        "--",
                        "java",
                        "\u00fe");
        assertThat(around.environment())
                .extracting(bytes -> new String(bytes, StandardCharsets.UTF_8))
                .contains("A=1", "DOCKER_HOST=unix:///run/docker.sock")
                .noneMatch(entry -> entry.startsWith("DOCKER_TLS_VERIFY"));
    }

    @Test
    void whoHasRyukMayUseIt() {
        assertThat(HOSTS.environment(Map.of())).containsEntry("TESTCONTAINERS_RYUK_DISABLED", "true");
        assertThat(HOSTS.environment(Map.of("TESTCONTAINERS_RYUK_DISABLED", "false")))
                .containsEntry("TESTCONTAINERS_RYUK_DISABLED", "false");
    }

    @Test
    void publishedPortsAreSaidToBeThoseOfTheGuest() {
        assertThat(HOSTS.environment(Map.of())).containsEntry("TESTCONTAINERS_HOST_OVERRIDE", "localhost");
    }

    @Test
    void theClientOfUnpackedPackagesIsOnThePath() {
        assertThat(UNPACKED.environment(Map.of("PATH", "/bin"))).containsEntry("PATH", "/bin:/cache/programs/usr/bin");
        assertThat(HOSTS.environment(Map.of("PATH", "/bin"))).doesNotContainKey("PATH");
    }

    @Test
    void ofDebiansPackagesTheEngineAndItsLibrariesAreUnpacked() {
        assertThat(List.of(
                        "docker.io", "docker-cli", "containerd", "runc", "tini", "libdevmapper1.02.1", "libseccomp2"))
                .allMatch(ContainerEngine::isNeeded);
        // With another C library than that of the program that loads it, a program does not start.
        assertThat(List.of("libc6", "libc-bin", "libgcc-s1", "adduser", "perl-base"))
                .noneMatch(ContainerEngine::isNeeded);
    }
}
