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

/** The programs of the host that a guest needs, what for, and where they come from. */
public final class Requirements {

    /**
     * One program or file.
     *
     * @param what its name as a user would look for it
     * @param why what it is needed for
     * @param packages the package that has it, by distribution
     */
    record Requirement(String what, String why, Map<Distribution, List<String>> packages) {

        /** Whether it is QEMU, which User Mode Linux does without. */
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

    /** All of them, for a guest of this architecture on a host like this one. */
    static List<Requirement> all(MachineType machine) {
        return machine.isThisHosts() ? own(machine) : others(machine);
    }

    /** Another architecture is Debian's alone. */
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

    /** Those that this host lacks. */
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
        // The compiler answers with a path if it knows the file, else with the bare name.
        String answer = Command.of("cc", "-print-file-name=libc.a")
                .within(Duration.ofSeconds(20))
                .runApart()
                .output()
                .strip();
        return answer.startsWith("/") && Files.exists(Path.of(answer));
    }

    /** Throws, naming package and command, if the program, which a guest of this architecture needs, is not here. */
    static void require(String what, MachineType machine) {
        if (Command.find(what).isEmpty()) {
            throw new VmException("'" + what + "' is missing; " + remedy(what, machine));
        }
    }

    /** How to get one of them, as the end of a sentence. */
    static String remedy(String what, MachineType machine) {
        for (Requirement requirement : all(machine)) {
            if (requirement.what().equals(what)) {
                return "it " + requirement.why() + "; as root: "
                        + installCommand(List.of(requirement), Distribution.ofThisHost());
            }
        }
        return "install it with the distribution's package manager";
    }

    /** The one command that installs them, to be run as root. */
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
     * Installs what is missing where this process may (root, on a distribution it knows).
     *
     * @throws VmException if it may not, or if the package manager fails; the message has the command to run
     */
    static void installMissing(MachineType machine, Consumer<String> progress) {
        installMissing(machine, requirement -> true, progress);
    }

    /** The same, of all but QEMU, which User Mode Linux does without. */
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

    /** Installs one program that is rarely needed, whose package has its name. */
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
