// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The family of distributions this host belongs to, by how packages are named and installed. */
enum Distribution {
    DEBIAN("apt-get install -y --no-install-recommends"),
    FEDORA("dnf install -y"),
    UNKNOWN("install with your distribution's package manager:");

    private final String install;

    Distribution(String install) {
        this.install = install;
    }

    /** The command that installs these packages, run as root. */
    String installCommand(List<String> packages) {
        return install + " " + String.join(" ", packages);
    }

    static Distribution ofThisHost() {
        try {
            return of(Files.readAllLines(Path.of("/etc/os-release"), StandardCharsets.UTF_8));
        } catch (IOException e) {
            return UNKNOWN;
        }
    }

    /** What its release is called in package sources, such as bookworm; empty if it does not say. */
    static Optional<String> codeNameOfThisHost() {
        try {
            return Optional.ofNullable(values(Files.readAllLines(Path.of("/etc/os-release"), StandardCharsets.UTF_8))
                    .get("VERSION_CODENAME"));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private static Map<String, String> values(List<String> osRelease) {
        Map<String, String> values = new HashMap<>();
        for (String line : osRelease) {
            int equals = line.indexOf('=');
            if (equals > 0) {
                values.put(line.substring(0, equals), line.substring(equals + 1).replace("\"", ""));
            }
        }
        return values;
    }

    /** From the lines of {@code /etc/os-release}. */
    static Distribution of(List<String> osRelease) {
        Map<String, String> values = values(osRelease);
        String ids = values.getOrDefault("ID", "") + " " + values.getOrDefault("ID_LIKE", "");
        for (String id : ids.toLowerCase(Locale.ROOT).split("\\s+", -1)) {
            switch (id) {
                case "debian", "ubuntu", "raspbian" -> {
                    return DEBIAN;
                }
                case "fedora", "rhel", "centos" -> {
                    return FEDORA;
                }
                default -> {}
            }
        }
        return UNKNOWN;
    }
}
