// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The user's settings for guests: environment variables, read when a guest is prepared or started. Each has a system
 * property with the same meaning and the same name in lower case with dots: {@code dblock.vm.memory} for
 * {@code DBLOCK_VM_MEMORY}. If both are set, the variable wins. Immutable.
 */
public final class VmSettings {

    /** Memory of the guest in MiB, 256 to 1048576; 3072 if not set. A guest whose architecture cannot use it gets less. */
    public static final String MEMORY = "DBLOCK_VM_MEMORY";

    /**
     * Number of the guest's processors, 1 to 64; 2 if not set. A kernel of User Mode Linux can use only as many as it was
     * built for: 1, or 4 for the debug kernel.
     */
    public static final String CPUS = "DBLOCK_VM_CPUS";

    /** {@code auto} (if not set), {@code kvm}, {@code uml} or {@code tcg}; see {@link AcceleratorChoice}. */
    public static final String ACCEL = "DBLOCK_VM_ACCEL";

    /**
     * The guest's kernel: the beginning of a release ({@code 6.1}, {@code 6.12.117+deb12-amd64}), followed by
     * {@code /arm64}, {@code /armhf} or {@code /i386} for an architecture other than this host's; {@code uml} or
     * {@code uml-debug} for User Mode Linux; or the absolute path of a kernel image.
     */
    public static final String KERNEL = "DBLOCK_VM_KERNEL";

    /**
     * The modules of a kernel given by its path: the directory that has {@code modules.dep}. If not set,
     * {@code lib/modules/<release>} beside the image or on the host.
     */
    public static final String MODULES = "DBLOCK_VM_MODULES";

    /**
     * A kernel of User Mode Linux: the absolute path of its program. Beside it must be {@code lib/modules/<release>}, and
     * in that {@code build}. If not set, this library builds a kernel.
     */
    public static final String UML_KERNEL = "DBLOCK_UML_KERNEL";

    /** Directories that the guest may write to, besides {@code target} of the working directory; separated by colons. */
    public static final String SHARE = "DBLOCK_VM_SHARE";

    /**
     * TCP ports of this host (127.0.0.1) that are forwarded to the guest, each {@code PORT} or
     * {@code HOSTPORT:GUESTPORT}; separated by commas.
     */
    public static final String FORWARD = "DBLOCK_VM_FORWARD";

    /** Further packages for the root of a guest of another architecture; separated by commas or spaces. */
    public static final String PACKAGES = "DBLOCK_VM_PACKAGES";

    /**
     * Images for a container engine in the guest: files as {@code docker save} writes them, or directories of such files
     * ({@code *.tar}), separated by colons. If not set, the guest has no engine. See {@link ContainerEngine}.
     */
    public static final String IMAGES = "DBLOCK_VM_IMAGES";

    /** The QEMU binary; searched for on the PATH if not set. */
    public static final String QEMU = "DBLOCK_VM_QEMU";

    /** Further options of QEMU, separated by spaces. */
    public static final String QEMU_OPTIONS = "DBLOCK_VM_QEMU_OPTIONS";

    /** Further parameters of the guest's kernel, separated by spaces. */
    public static final String CMDLINE = "DBLOCK_VM_CMDLINE";

    /** Seconds within which the guest must start the command, 1 to 86400; 300 if not set. */
    public static final String BOOT_TIMEOUT = "DBLOCK_VM_BOOT_TIMEOUT";

    /** Seconds without a sign of life after which a guest counts as hung, 10 to 86400; 300 if not set. */
    public static final String SILENCE_TIMEOUT = "DBLOCK_VM_SILENCE_TIMEOUT";

    /**
     * For tests of this library only: how many mappings a process may have, at least 1000, in place of the host's
     * {@code vm.max_map_count}; see {@code MappingWatch}.
     */
    public static final String MAPPINGS = "DBLOCK_VM_MAPPINGS";

    private final Map<String, String> environment;

    private VmSettings(Map<String, String> environment) {
        this.environment = environment;
    }

    /** Returns the settings of this process. */
    public static VmSettings current() {
        return new VmSettings(System.getenv());
    }

    static VmSettings of(Map<String, String> environment) {
        return new VmSettings(Map.copyOf(environment));
    }

    private Optional<String> text(String name) {
        String value = environment.get(name);
        if (value == null) {
            value = System.getProperty(name.toLowerCase(Locale.ROOT).replace('_', '.'));
        }
        return Optional.ofNullable(value).filter(s -> !s.isEmpty());
    }

    private long number(String name, long fallback, long minimum, long maximum) {
        String value = text(name).orElse(null);
        if (value == null) {
            return fallback;
        }
        try {
            long number = Long.parseLong(value);
            if (number >= minimum && number <= maximum) {
                return number;
            }
        } catch (NumberFormatException ignored) {
            // The message below covers this case, too.
        }
        throw new VmException(name + "=" + value + ": must be a whole number from " + minimum + " to " + maximum);
    }

    /** Returns the memory in MiB of a guest of this type, at most what the type allows. */
    long memoryMiB(MachineType machine) {
        return Math.min(number(MEMORY, 3072, 256, 1 << 20), machine.mostMemoryMiB());
    }

    int cpus() {
        return (int) number(CPUS, 2, 1, 64);
    }

    long bootTimeoutSeconds() {
        return number(BOOT_TIMEOUT, 300, 1, 86400);
    }

    long silenceTimeoutSeconds() {
        return number(SILENCE_TIMEOUT, 300, 10, 86400);
    }

    /** Returns the accelerator that the user asked for; empty for the automatic choice. */
    Optional<Accelerator> accelerator() {
        String value = text(ACCEL).orElse("auto").toLowerCase(Locale.ROOT);
        return switch (value) {
            case "auto" -> Optional.empty();
            case "kvm" -> Optional.of(Accelerator.KVM);
            case "uml" -> Optional.of(Accelerator.UML);
            case "tcg" -> Optional.of(Accelerator.TCG);
            default -> throw new VmException(ACCEL + "=" + value + ": allowed are auto, kvm, uml and tcg");
        };
    }

    Optional<String> kernel() {
        return text(KERNEL);
    }

    Optional<Path> umlKernel() {
        return text(UML_KERNEL).map(Path::of);
    }

    Optional<Path> modules() {
        return text(MODULES).map(Path::of);
    }

    Optional<Path> qemu() {
        return text(QEMU).map(Path::of);
    }

    OptionalLong mappings() {
        return text(MAPPINGS).isEmpty()
                ? OptionalLong.empty()
                : OptionalLong.of(number(MAPPINGS, 0, 1000, Integer.MAX_VALUE));
    }

    List<String> packages() {
        return words(text(PACKAGES).orElse("").replace(',', ' '));
    }

    List<String> qemuOptions() {
        return words(text(QEMU_OPTIONS).orElse(""));
    }

    String cmdline() {
        return text(CMDLINE).orElse("");
    }

    List<Path> shares() {
        List<Path> result = new ArrayList<>();
        for (String part : text(SHARE).orElse("").split(":", -1)) {
            if (!part.isEmpty()) {
                result.add(Path.of(part));
            }
        }
        return result;
    }

    /**
     * Returns the files of container images, those of a directory in the order of their names.
     *
     * @throws VmException if there is no such file, or a directory has none
     */
    List<Path> images() {
        List<Path> result = new ArrayList<>();
        for (String part : text(IMAGES).orElse("").split(":", -1)) {
            Path path = Path.of(part);
            if (part.isEmpty()) {
                continue;
            }
            if (Files.isDirectory(path)) {
                int before = result.size();
                try (DirectoryStream<Path> files = Files.newDirectoryStream(path, "*.tar")) {
                    files.forEach(result::add);
                } catch (IOException e) {
                    throw new VmException(IMAGES + ": cannot read " + path + ": " + e, e);
                }
                if (result.size() == before) {
                    throw new VmException(
                            IMAGES + ": the directory " + path + " has no *.tar: write each image there with"
                                    + " 'docker save IMAGE -o " + path + "/NAME.tar'");
                }
                result.subList(before, result.size()).sort(null);
            } else if (Files.isRegularFile(path)) {
                result.add(path);
            } else {
                throw new VmException(IMAGES + ": there is no file or directory " + path
                        + ": write an image there with 'docker save IMAGE -o " + path + "'");
            }
        }
        return result;
    }

    List<ForwardedPort> forwardedPorts() {
        return text(FORWARD).map(ForwardedPort::parse).orElse(List.of());
    }

    private static List<String> words(String text) {
        return text.isBlank() ? List.of() : List.of(text.trim().split("\\s+", -1));
    }
}
