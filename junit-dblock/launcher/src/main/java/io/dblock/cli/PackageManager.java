// SPDX-License-Identifier: Apache-2.0
package io.dblock.cli;

import io.dblock.DblockException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/** Installs tools through the distribution's package manager. */
final class PackageManager {

    /** The packages, each with a program that shows whether it is installed. The names are the same for apt and dnf. */
    static final Map<String, String> PROGRAMS = programs();

    private final Machine machine;

    PackageManager(Machine machine) {
        this.machine = machine;
    }

    private static Map<String, String> programs() {
        Map<String, String> programs = new LinkedHashMap<>();
        programs.put("e2fsprogs", "mkfs.ext4");
        programs.put("xfsprogs", "mkfs.xfs");
        programs.put("btrfs-progs", "mkfs.btrfs");
        programs.put("f2fs-tools", "mkfs.f2fs");
        programs.put("fio", "fio");
        programs.put("stress-ng", "stress-ng");
        programs.put("util-linux", "blkid");
        return programs;
    }

    /** Returns the package of a tool, given the package or its program. An unknown tool is taken as a package. */
    static String packageOf(String tool) {
        for (Map.Entry<String, String> entry : PROGRAMS.entrySet()) {
            if (entry.getValue().equals(tool)) {
                return entry.getKey();
            }
        }
        return tool;
    }

    /** Returns the command that installs these packages; root must run it. */
    String installCommand(List<String> packages) {
        return String.join(" ", command(packages));
    }

    private List<String> command(List<String> packages) {
        List<String> command = new ArrayList<>();
        if (machine.find("apt-get").isPresent()) {
            command.addAll(List.of("apt-get", "install", "-y", "--no-install-recommends"));
        } else if (machine.find("dnf").isPresent()) {
            command.addAll(List.of("dnf", "install", "-y"));
        } else {
            command.addAll(List.of("install", "with", "your", "package", "manager:"));
        }
        command.addAll(packages);
        return command;
    }

    /**
     * Installs the tools that are missing.
     *
     * @throws DblockException if that is not possible; the message has the command to run
     */
    void install(List<String> tools, Consumer<String> progress) {
        Set<String> missing = new LinkedHashSet<>();
        for (String tool : tools) {
            String name = packageOf(tool);
            if (machine.find(PROGRAMS.getOrDefault(name, tool)).isEmpty()) {
                missing.add(name);
            }
        }
        if (missing.isEmpty()) {
            return;
        }
        List<String> packages = List.copyOf(missing);
        String command = installCommand(packages);
        boolean known =
                machine.find("apt-get").isPresent() || machine.find("dnf").isPresent();
        if (!known || !machine.isPrivileged()) {
            throw new DblockException("Missing: " + String.join(", ", packages) + ". "
                    + (known ? "To install, as root: " : "No apt-get or dnf here; ") + command);
        }
        progress.accept("running: " + command);
        int status = machine.run(command(packages));
        if (status != 0 && machine.find("apt-get").isPresent()) {
            // The usual reason is that the package lists are missing, as in a container image, or out of date.
            progress.accept("running: apt-get update");
            machine.run(List.of("apt-get", "update"));
            progress.accept("running: " + command);
            status = machine.run(command(packages));
        }
        if (status != 0) {
            throw new DblockException("'" + command + "' ended with status " + status + "; its output is above.");
        }
        for (String name : packages) {
            String program = PROGRAMS.get(name);
            if (program != null && machine.find(program).isEmpty()) {
                throw new DblockException(
                        "'" + command + "' succeeded, but " + program + " is still missing in the PATH.");
            }
        }
    }
}
