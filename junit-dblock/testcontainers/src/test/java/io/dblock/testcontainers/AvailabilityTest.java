// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Tests of what is said where no container engine can be used. */
class AvailabilityTest {

    @Test
    void everythingThatWasTriedIsNamedAndWhatMendsIt() {
        assertThat(Availability.describe(Map.of(), path -> false))
                .startsWith("No container engine can be used.\n")
                .contains("DOCKER_HOST is not set")
                .contains("Docker's socket, /var/run/docker.sock, is not there")
                .contains("Podman's socket, /run/podman/podman.sock, is not there")
                .contains("systemctl start docker");
    }

    @Test
    void aSocketOfPodmanIsSaidToBeThere() {
        assertThat(Availability.describe(Map.of(), Path.of("/run/podman/podman.sock")::equals))
                .contains("set DOCKER_HOST=unix:///run/podman/podman.sock if it is to be used");
    }

    @Test
    void whatDoesNotAnswerIsNamed() {
        assertThat(Availability.describe(
                        Map.of("DOCKER_HOST", "tcp://10.0.0.1:2375", "XDG_RUNTIME_DIR", "/run/user/1000"),
                        path -> true))
                .contains("DOCKER_HOST is tcp://10.0.0.1:2375, where nothing answers")
                .contains("/run/user/1000/docker.sock, is there, but nothing answers")
                .contains("unix:///run/user/1000/podman/podman.sock");
    }
}
