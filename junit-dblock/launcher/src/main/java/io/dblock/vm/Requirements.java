// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.internal.kernel.Command;
import io.dblock.internal.module.Distribution;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;

/** The host's programs that guests need, with their purposes and packages. */
public final class Requirements {

    /**
     * A program or file that guests need.
     *
     * @param what its name
     * @param why its purpose, as the end of a sentence
     * @param packages its packages, by distribution
     */
    record Requirement(String what, String why, Map<Distribution, List<String>> packages) {

        /** Returns whether this is QEMU, which User Mode Linux does not need. */
        boolean isQemu() {
            return what.startsWith("qemu-system-");
        }
    }

    private static final Duration INSTALL_LIMIT = Duration.ofMinutes(15);

    private Requirements() {}

    private static Requirement requirement(String what, String why, String debian, String fedora) {
        return new Requirement(
                what, why, Map.of(Distribution.DEBIAN, List.of(debian), Distribution.FEDORA, List.of(fedora)));
    }

    /** Returns all requirements of guests of this architecture on this host. */
    static List<Requirement> all(MachineType machine) {
        return machine.isThisHosts() ? own(machine) : others(machine);
    }

    /** Returns the requirements of guests of another architecture, which only Debian has packages for. */
    private static List<Requirement> others(MachineType machine) {
        List<Requirement> all = new ArrayList<>(own(MachineType.ofThisHost()));
        all.add(new Requirement(
                machine.binary(), "runs the guest", Map.of(Distribution.DEBIAN, List.of(machine.qemuPackage()))));
        all.add(new Requirement(
                machine.compiler(),
                "compiles the guest's init and the module",
                Map.of(Distribution.DEBIAN, machine.compilerPackages())));
        return List.copyOf(all);
    }

    private static List<Requirement> own(MachineType machine) {
        return List.of(
                requirement(
                        machine.binary(),
                        "runs the guest",
                        machine.qemuPackage(),
                        machine == MachineType.X86_64 ? "qemu-system-x86-core" : "qemu-system-aarch64-core"),
                requirement(
                        "setpriv", "ends QEMU together with the process that started it", "util-linux", "util-linux"),
                requirement(
                        "setsid", "keeps signals for the terminal's processes from QEMU", "util-linux", "util-linux"),
                requirement("cc", "compiles the guest's init and the module", "gcc", "gcc"),
                requirement("libc.a", "the guest's init is linked statically", "libc6-dev", "glibc-static"),
                requirement("make", "builds the module", "make", "make"),
                requirement("xz", "unpacks kernel modules", "xz-utils", "xz"),
                requirement("zstd", "unpacks kernel modules", "zstd", "zstd"),
                requirement("depmod", "lists what a kernel's modules depend on", "kmod", "kmod"),
                requirement("modprobe", "loads modules in the guest, on the kernel's request too", "kmod", "kmod"));
    }

    /** Returns the requirements that this host lacks. */
    static List<Requirement> missing(MachineType machine) {
        List<Requirement> missing = new ArrayList<>();
        for (Requirement requirement : all(machine)) {
            if (!isPresent(requirement)) {
                missing.add(requirement);
            }
        }
        return missing;
    }

    static boolean isPresent(Requirement requirement) {
        if (requirement.what().equals(MachineType.ofThisHost().binary())
                && VmSettings.current().qemu().isPresent()) {
            return Files.isExecutable(VmSettings.current().qemu().get());
        }
        if (!requirement.what().equals("libc.a")) {
            return Command.find(requirement.what()).isPresent();
        }
        if (Command.find("cc").isEmpty()) {
            return false;
        }
        // The compiler prints a path if it finds the file, otherwise only the name.
        String answer = Command.of("cc", "-print-file-name=libc.a")
                .within(Duration.ofSeconds(20))
                .runApart()
                .output()
                .strip();
        return answer.startsWith("/") && Files.exists(Path.of(answer));
    }

    /** Checks that a program for guests of this architecture is present. The error has the command that installs it. */
    static void require(String what, MachineType machine) {
        if (Command.find(what).isEmpty()) {
            throw new VmException("'" + what + "' is missing; " + remedy(what, machine));
        }
    }

    /** Returns how to install a program, as the end of a sentence. */
    static String remedy(String what, MachineType machine) {
        for (Requirement requirement : all(machine)) {
            if (requirement.what().equals(what)) {
                return "it " + requirement.why() + "; as root: "
                        + installCommand(List.of(requirement), Distribution.ofThisHost());
            }
        }
        return "install it with the distribution's package manager";
    }

    /** Returns the command that installs these requirements; root must run it. */
    static String installCommand(List<Requirement> requirements, Distribution distribution) {
        return distribution.installCommand(packages(requirements, distribution));
    }

    private static List<String> packages(List<Requirement> requirements, Distribution distribution) {
        Set<String> packages = new LinkedHashSet<>();
        for (Requirement requirement : requirements) {
            packages.addAll(requirement.packages().getOrDefault(distribution, List.of(requirement.what())));
        }
        return List.copyOf(packages);
    }

    /**
     * Installs what is missing. Needs root and a known distribution.
     *
     * @throws VmException if that is not possible, or if the package manager fails; the message has the command to run
     */
    static void installMissing(MachineType machine, Consumer<String> progress) {
        installMissing(machine, requirement -> true, progress);
    }

    /** Installs what is missing except QEMU, which User Mode Linux does not need. */
    static void installMissingButQemu(Consumer<String> progress) {
        installMissing(MachineType.ofThisHost(), requirement -> !requirement.isQemu(), progress);
    }

    private static void installMissing(MachineType machine, Predicate<Requirement> wanted, Consumer<String> progress) {
        List<Requirement> missing = missing(machine).stream().filter(wanted).toList();
        if (missing.isEmpty()) {
            return;
        }
        Distribution distribution = Distribution.ofThisHost();
        String command = installCommand(missing, distribution);
        StringBuilder list = new StringBuilder();
        for (Requirement requirement : missing) {
            list.append("\n  ").append(requirement.what()).append(": ").append(requirement.why());
        }
        if (distribution == Distribution.UNKNOWN || !isRoot()) {
            throw new VmException("the guest needs programs that are missing here:" + list + "\nas root: " + command);
        }
        progress.accept("installing what is missing:" + list);
        progress.accept("running: " + command);
        if (distribution == Distribution.DEBIAN) {
            DebianPackages.updateListsIfEmpty(progress);
        }
        Command.of(command.split(" ", -1)).within(INSTALL_LIMIT).output();
        List<Requirement> still = missing(machine).stream().filter(wanted).toList();
        if (!still.isEmpty()) {
            throw new VmException(
                    "'" + command + "' succeeded, but " + still.get(0).what() + " is still missing");
        }
    }

    /** Installs a rarely needed program whose package has the same name. */
    static void install(String program, Consumer<String> progress) {
        if (Command.find(program).isPresent()) {
            return;
        }
        String command = Distribution.ofThisHost().installCommand(List.of(program));
        if (!isRoot()) {
            throw new VmException("'" + program + "' is missing; as root: " + command);
        }
        progress.accept("running: " + command);
        Command.of(command.split(" ", -1)).within(INSTALL_LIMIT).output();
    }

    static boolean isRoot() {
        return effectiveUser().equals("0");
    }

    private static String effectiveUser() {
        return Command.of("id", "-u")
                .within(Duration.ofSeconds(10))
                .runApart()
                .output()
                .strip();
    }
}
