// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.testcontainers.DockerClientFactory;

/** Whether Docker or Podman can be reached, and why not. */
final class Availability {
    private static final String MEND = "Start Docker (systemctl start docker), or Podman's service (systemctl start"
            + " podman.socket) with DOCKER_HOST=unix:///run/podman/podman.sock, as root. In a container or a guest without"
            + " an engine of its own, run the tests where there is one.";

    private Availability() {}

    static void require() {
        try {
            if (DockerClientFactory.instance().isDockerAvailable()) {
                return;
            }
        } catch (RuntimeException e) {
            throw new IllegalStateException(
                    "A container engine answers, but Testcontainers cannot use it: " + e.getMessage()
                            + ". If the image of Ryuk, its cleaner, cannot be had here, set"
                            + " TESTCONTAINERS_RYUK_DISABLED=true.",
                    e);
        }
        throw new IllegalStateException(describe(System.getenv(), Files::exists));
    }

    /** Returns why no engine could be used. */
    static String describe(Map<String, String> environment, Predicate<Path> exists) {
        List<String> lines = new ArrayList<>();
        String host = environment.get("DOCKER_HOST");
        lines.add("DOCKER_HOST " + (host == null ? "is not set" : "is " + host + ", where nothing answers"));
        Map<String, Path> docker = new LinkedHashMap<>();
        docker.put("Docker's socket", Path.of("/var/run/docker.sock"));
        Map<String, Path> podman = new LinkedHashMap<>();
        podman.put("Podman's socket", Path.of("/run/podman/podman.sock"));
        String runtime = environment.get("XDG_RUNTIME_DIR");
        if (runtime != null) {
            docker.put("the socket of a Docker without root", Path.of(runtime, "docker.sock"));
            podman.put("the socket of a Podman without root", Path.of(runtime, "podman", "podman.sock"));
        }
        docker.forEach((what, path) -> lines.add(
                what + ", " + path + (exists.test(path) ? ", is there, but nothing answers" : ", is not there")));
        podman.forEach((what, path) -> lines.add(what + ", " + path
                + (exists.test(path)
                        ? ", is there: set DOCKER_HOST=unix://" + path + " if it is to be used"
                        : ", is not there")));
        return "No container engine can be used.\n  " + String.join("\n  ", lines) + "\n" + MEND;
    }
}
