// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/** Tells users how fast guests are on a machine, and how to make them faster. */
final class GuestSpeed {

    private static final Path KVM = Path.of("dev/kvm");

    private final Path root;
    private final boolean mayOpenKvm;
    private final Map<String, String> environment;

    /** For this machine. */
    GuestSpeed() {
        this(Path.of("/"), AcceleratorChoice.whyNoKvm().isEmpty(), System.getenv());
    }

    /** For a machine with this file tree. */
    GuestSpeed(Path root, boolean mayOpenKvm, Map<String, String> environment) {
        this.root = root;
        this.mayOpenKvm = mayOpenKvm;
        this.environment = environment;
    }

    /** Returns the expected speed compared with the machine itself; measured with JVMs that run JUnit, mkfs and fio. */
    static String expectation(Accelerator accelerator) {
        return switch (accelerator) {
            case KVM -> "nearly as fast as this machine";
            case UML ->
                "as fast as this machine but for system calls and page faults, so about twice as long for a test";
            case TCG -> "ten to twenty times as slow as this machine";
        };
    }

    /** Returns what would be faster here, with the command for it; empty if nothing would. */
    Optional<String> faster(Accelerator accelerator) {
        if (accelerator == Accelerator.KVM) {
            return Optional.empty();
        }
        return kvm().or(() -> accelerator == Accelerator.TCG && UserModeKernel.isPossible()
                ? Optional.of(
                        "a kernel that is a program (User Mode Linux), which \"java -jar junit-dblock-cli.jar setup\" builds once,"
                                + " in some minutes: about five times as fast")
                : Optional.empty());
    }

    private Optional<String> kvm() {
        Path device = root.resolve(KVM);
        if (!Files.exists(device)) {
            return inContainer()
                    ? Optional.of("KVM, if the container's host has it: start the container with --device /dev/kvm")
                    : Optional.empty();
        }
        if (mayOpenKvm) {
            return Optional.empty(); // KVM does not run guests here, or the user asked for something else.
        }
        return Optional.of("KVM, for which this user must be let open /dev/kvm: "
                + ("true".equals(environment.get("GITHUB_ACTIONS"))
                        ? "echo 'KERNEL==\"kvm\", GROUP=\"kvm\", MODE=\"0666\"' | sudo tee /etc/udev/rules.d/99-kvm.rules"
                                + " && sudo udevadm control --reload && sudo udevadm trigger --name-match=kvm"
                        : "sudo usermod -aG kvm $USER, then log in again"));
    }

    private boolean inContainer() {
        return Files.exists(root.resolve(".dockerenv"))
                || Files.exists(root.resolve("run/.containerenv"))
                || environment.containsKey("KUBERNETES_SERVICE_HOST")
                || environment.containsKey("container");
    }
}
