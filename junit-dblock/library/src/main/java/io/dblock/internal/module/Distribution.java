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

/** A family of Linux distributions that name and install packages alike. */
public enum Distribution {
    /** Debian, Ubuntu, Raspberry Pi OS and distributions based on them. */
    DEBIAN("apt-get install -y --no-install-recommends"),
    /** Fedora, CentOS, RHEL and distributions based on them. */
    FEDORA("dnf install -y"),
    /** Any other distribution. */
    UNKNOWN("install with your distribution's package manager:");

    private static final Path ROOT = Path.of("/");

    private final String install;

    Distribution(String install) {
        this.install = install;
    }

    /** Returns the command that installs these packages when run as root. */
    public String installCommand(List<String> packages) {
        return install + " " + String.join(" ", packages);
    }

    /** Returns the family of this machine. */
    public static Distribution ofThisHost() {
        return of(ROOT);
    }

    /**
     * Returns the code name that package sources use for this machine's release, such as bookworm; empty if there is
     * none.
     */
    public static Optional<String> codeNameOfThisHost() {
        return Optional.ofNullable(osRelease(ROOT).get("VERSION_CODENAME"));
    }

    /** Returns the family of the distribution in the file tree below {@code root}. */
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

    /** Returns whether it is Raspberry Pi OS: raspbian (32 bit), or debian (64 bit) with a file of its own. */
    static boolean isRaspberryPiOs(Path root) {
        return ids(root).contains("raspbian") || Files.exists(root.resolve("etc/rpi-issue"));
    }

    /** Returns the distribution's own id, then the ids of those it is based on. */
    private static List<String> ids(Path root) {
        Map<String, String> values = osRelease(root);
        String ids = values.getOrDefault("ID", "") + " " + values.getOrDefault("ID_LIKE", "");
        return List.of(ids.toLowerCase(Locale.ROOT).split("\\s+", -1));
    }

    /** Returns the values of os-release(5); empty if it cannot be read. */
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
