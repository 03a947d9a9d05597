// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.module;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The family of distributions a machine belongs to, by how packages are named and installed. */
public enum Distribution {
    /** Debian, Ubuntu, Raspberry Pi OS and what is made of them. */
    DEBIAN("apt-get install -y --no-install-recommends"),
    /** Fedora, CentOS, RHEL and what is made of them. */
    FEDORA("dnf install -y"),
    /** Any other. */
    UNKNOWN("install with your distribution's package manager:");

    private static final Path ROOT = Path.of("/");

    private final String install;

    Distribution(String install) {
        this.install = install;
    }

    /** The command that installs these packages, run as root. */
    public String installCommand(List<String> packages) {
        return install + " " + String.join(" ", packages);
    }

    /** That of this machine. */
    public static Distribution ofThisHost() {
        return of(ROOT);
    }

    /** What the release of this machine's is called in package sources, such as bookworm; empty if it does not say. */
    public static Optional<String> codeNameOfThisHost() {
        return Optional.ofNullable(osRelease(ROOT).get("VERSION_CODENAME"));
    }

    /** That of the file tree below {@code root}. */
    static Distribution of(Path root) {
        for (String id : ids(root)) {
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

    /** Whether it is Raspberry Pi OS: raspbian (32 bit), or debian (64 bit) with a file of its own. */
    static boolean isRaspberryPiOs(Path root) {
        return ids(root).contains("raspbian") || Files.exists(root.resolve("etc/rpi-issue"));
    }

    /** Its own name, then those of what it is made of. */
    private static List<String> ids(Path root) {
        Map<String, String> values = osRelease(root);
        String ids = values.getOrDefault("ID", "") + " " + values.getOrDefault("ID_LIKE", "");
        return List.of(ids.toLowerCase(Locale.ROOT).split("\\s+", -1));
    }

    /** See os-release(5); empty if there is none. */
    private static Map<String, String> osRelease(Path root) {
        Map<String, String> values = new HashMap<>();
        try {
            for (String line : Files.readAllLines(root.resolve("etc/os-release"))) {
                int equals = line.indexOf('=');
                if (equals > 0) {
                    values.put(
                            line.substring(0, equals),
                            line.substring(equals + 1).replace("\"", ""));
                }
            }
        } catch (IOException e) {
            return Map.of();
        }
        return values;
    }
}
