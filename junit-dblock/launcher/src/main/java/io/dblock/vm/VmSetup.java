// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.DblockException;
import io.dblock.internal.kernel.Command;
import io.dblock.internal.module.CacheDirectory;
import io.dblock.internal.module.Distribution;
import io.dblock.internal.module.ModuleBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** Prepares what guests need, and reports what is missing. Safe against other processes that do the same. */
public final class VmSetup {

    /** The link in the cache to the newest directory that looks like a JDK, whatever kernel and JDK it is for. */
    private static final String STABLE = "jvm/current";

    private VmSetup() {}

    /**
     * Prepares everything for tests in a guest: installs missing programs (as root), finds or fetches the kernel, builds
     * the module for it, tries KVM once, and makes the directory that looks like a JDK. Takes only seconds if all this was
     * done before. If the host itself can load modules, only makes that directory.
     *
     * @param progress gets a line of text per step
     * @throws VmException if something is missing and cannot be fetched; the message has the command that fixes it
     */
    public static JvmHome prepare(VmOptions options, Consumer<String> progress) {
        Path realJava = options.javaHome().orElse(Path.of(System.getProperty("java.home")));
        if (options.hostCanLoadModules()) {
            Path home = options.home().orElse(CacheDirectory.root().resolve("jvm/host"));
            String description = "the JVM runs on this host, which can load the module itself";
            progress.accept(description);
            JvmHome result = JvmHome.create(home, realJava, Optional.empty(), description);
            return options.home().isPresent()
                    ? result
                    : result.linked(CacheDirectory.root().resolve(STABLE));
        }
        VmSettings settings = VmSettings.current();
        GuestKernel kernel = guestKernel(options, settings, !options.quick(), progress);
        if (!kernel.machine().isThisHosts()) {
            throw new VmException("kernel " + kernel.release() + " is for the architecture "
                    + kernel.machine().architecture() + ", for which " + realJava
                    + " is not: commands of that architecture are run with 'vm run'");
        }
        progress.accept("guest kernel " + kernel.release() + " (" + kernel.origin() + ": " + kernel.image() + ")");
        Path module = module(kernel, progress);
        progress.accept("module " + module);
        GuestImage image = image(kernel, settings, progress);
        AcceleratorChoice choice = AcceleratorChoice.choose(image, settings, cache(), progress);
        progress.accept("guests run under " + choice.accelerator() + ": " + choice.reason());
        ContainerEngine.prepare(image, choice, settings, progress)
                .ifPresent(engine ->
                        progress.accept("guests have a container engine, with the images in " + engine.store()));
        Path home = options.home()
                .orElse(CacheDirectory.root().resolve("jvm/" + Runtime.version().feature() + "-" + kernel.release()));
        JvmHome result = JvmHome.create(
                home,
                realJava,
                Optional.of(image),
                "the JVM runs in a guest with kernel " + kernel.release() + " under " + choice.accelerator() + ": "
                        + choice.reason());
        progress.accept("java that runs in the guest: " + result.java());
        return options.home().isPresent()
                ? result
                : result.linked(CacheDirectory.root().resolve(STABLE));
    }

    /**
     * Builds the kernel module for the guest's kernel, which is one part of {@link #prepare}.
     *
     * @return the path of {@code dblock.ko} in the cache
     * @throws VmException if the kernel or its headers cannot be fetched
     */
    public static Path module(VmOptions options, Consumer<String> progress) {
        return module(kernel(options, VmSettings.current(), progress), progress);
    }

    /**
     * Returns the command that compiles the module for the guest's kernel with all warnings as errors. It also runs sparse
     * unless the kernel is of another Debian suite.
     *
     * @param sources a copy of the sources, because the build writes to this directory
     * @throws VmException if the kernel or its headers cannot be fetched
     */
    public static List<String> moduleCheck(VmOptions options, Path sources, Consumer<String> progress) {
        GuestKernel kernel = kernel(options, VmSettings.current(), progress);
        if (kernel.suite().isPresent()) {
            return buildRoot(kernel, progress).command(sources, "W=1", "KCFLAGS=-Werror", "modules");
        }
        List<String> command =
                new ArrayList<>(List.of("make", "-C", sources.toString(), "check", "KDIR=" + kernelBuild(kernel)));
        command.addAll(kernel.makeArguments());
        return command;
    }

    /**
     * Returns the directory with the headers of the guest's kernel, like {@code /lib/modules/<release>/build}.
     *
     * @throws VmException if the kernel or its headers cannot be fetched
     */
    public static Path kernelBuildDirectory(VmOptions options, Consumer<String> progress) {
        return kernelBuild(kernel(options, VmSettings.current(), progress));
    }

    private static Path kernelBuild(GuestKernel kernel) {
        return kernel.build()
                .orElseThrow(() -> new VmException(
                        "no headers of kernel " + kernel.release() + " to build the module with: looked for "
                                + kernel.modules().resolve("build")));
    }

    static Path module(GuestKernel kernel, Consumer<String> progress) {
        if (kernel.suite().isEmpty()) {
            return ModuleBuilder.build(kernel.release(), sources -> {
                List<String> command = new ArrayList<>(List.of("make", "KDIR=" + kernelBuild(kernel)));
                command.addAll(kernel.makeArguments());
                return command;
            });
        }
        return ModuleBuilder.build(
                kernel.release(), sources -> buildRoot(kernel, progress).command(sources));
    }

    private static BuildRoot buildRoot(GuestKernel kernel, Consumer<String> progress) {
        String suite = kernel.suite().orElseThrow();
        DebianSuites suites = DebianSuites.all(CacheDirectory.root(), kernel.machine())
                .orElseThrow(() -> new VmException("the module for kernel " + kernel.release()
                        + " has to be built with the tools of Debian's " + suite
                        + ", but this machine has no mirror of Debian's among its package sources"));
        return BuildRoot.of(CacheDirectory.root().resolve("roots"), kernel, suites, progress);
    }

    /** Prepares the image for {@code vm run}: as {@link #prepare}, but without the module and the directory. */
    static GuestImage image(VmOptions options, VmSettings settings, Consumer<String> progress) {
        return image(guestKernel(options, settings, false, progress), settings, progress);
    }

    /**
     * Returns the guest's kernel: that of {@link #kernel}, but User Mode Linux if the user asked for none and QEMU would
     * emulate guests here.
     *
     * @param make whether to build a kernel of User Mode Linux if there is none, which takes minutes; otherwise guests are
     *     emulated then
     */
    private static GuestKernel guestKernel(
            VmOptions options, VmSettings settings, boolean make, Consumer<String> progress) {
        Optional<Accelerator> asked = settings.accelerator();
        Optional<String> wanted = choice(options, settings).wanted();
        if (asked.isEmpty()
                && wanted.isEmpty()
                && UserModeKernel.isPossible()
                && !kvmRuns(options, settings, progress)) {
            // A named kernel that cannot be used is an error and not a reason to emulate.
            boolean there = UserModeKernel.PLAIN.find(settings, progress).isPresent();
            if (there || make) {
                try {
                    return userModeKernel(UserModeKernel.PLAIN, settings, progress);
                } catch (DblockException e) {
                    progress.accept(e.getMessage());
                    progress.accept("so guests are emulated, which is several times slower");
                }
            }
        }
        return kernel(options, settings, progress);
    }

    private static boolean kvmRuns(VmOptions options, VmSettings settings, Consumer<String> progress) {
        if (AcceleratorChoice.whyNoKvm().isPresent()) {
            return false;
        }
        GuestImage image = image(kernel(options, settings, progress), settings, progress);
        return AcceleratorChoice.choose(image, settings, cache(), progress).accelerator() == Accelerator.KVM;
    }

    private static KernelChoice choice(VmOptions options, VmSettings settings) {
        return KernelChoice.of(options.kernel().filter(text -> !text.isBlank()).or(settings::kernel));
    }

    /** Returns a kernel of User Mode Linux. Builds it if there is none. */
    static GuestKernel userModeKernel(UserModeKernel kind, VmSettings settings, Consumer<String> progress) {
        if (!UserModeKernel.isPossible()) {
            throw new VmException("User Mode Linux is for x86-64 alone, and this host's processor is another ("
                    + architecture() + "): use the default, or " + VmSettings.ACCEL + "=tcg");
        }
        Requirements.installMissingButQemu(progress);
        Optional<GuestKernel> kernel = kind.find(settings, progress);
        if (kernel.isEmpty()) {
            progress.accept("building a kernel of User Mode Linux, once: some minutes");
            kind.make(progress);
            kernel = kind.find(settings);
        }
        return kernel.orElseThrow(() -> new VmException("kernel.sh made no kernel that is to be found: " + kind));
    }

    private static GuestKernel kernel(VmOptions options, VmSettings settings, Consumer<String> progress) {
        KernelChoice choice = choice(options, settings);
        boolean program = settings.accelerator().equals(Optional.of(Accelerator.UML));
        Optional<UserModeKernel> userMode =
                program && choice.wanted().isEmpty() ? Optional.of(UserModeKernel.PLAIN) : choice.userMode();
        if (userMode.isPresent()) {
            return userModeKernel(userMode.get(), settings, progress);
        }
        if (program) {
            throw new VmException("the kernel " + choice.wanted().get() + " is for QEMU, and " + VmSettings.ACCEL
                    + "=uml asks for one that is a program: leave one of them out");
        }
        Requirements.installMissing(choice.machine(), progress);
        return new KernelFinder(CacheDirectory.root().resolve("kernels"), Path.of("/"), choice.machine(), progress)
                .find(choice.wanted(), settings.modules());
    }

    private static GuestImage image(GuestKernel kernel, VmSettings settings, Consumer<String> progress) {
        MachineType machine = kernel.machine();
        Initramfs.Base base = Initramfs.build(cache(), kernel);
        if (kernel.program()) {
            try {
                UserModeProcess.starter(cache());
            } catch (IOException e) {
                throw new VmException("cannot prepare guests of User Mode Linux: " + e.getMessage(), e);
            }
        }
        Optional<Path> qemu = kernel.program() ? Optional.empty() : Optional.of(qemu(machine, settings));
        Path root = machine.isThisHosts()
                ? Path.of("/")
                : GuestRoot.of(CacheDirectory.root(), machine, settings.packages(), progress);
        return new GuestImage(
                machine, kernel.release(), kernel.image(), kernel.modules(), base.file(), base.insert(), qemu, root);
    }

    private static Path qemu(MachineType machine, VmSettings settings) {
        return settings.qemu()
                .or(() -> Command.find(machine.binary()))
                .orElseThrow(() -> new VmException(
                        "'" + machine.binary() + "' is missing; " + Requirements.remedy(machine.binary(), machine)));
    }

    /**
     * Returns the C compiler for the architecture with this Debian name. Installs it if it is missing, which needs root.
     *
     * @throws VmException if it cannot be installed
     */
    public static String compiler(String architecture, Consumer<String> progress) {
        MachineType machine = MachineType.of(architecture);
        Requirements.installMissing(machine, progress);
        return machine.compiler();
    }

    /** Returns whether kernels of User Mode Linux can be built here, from Debian's source packages for x86-64. */
    public static boolean canMakeUserModeKernels() {
        return UserModeKernel.isPossible()
                && DebianSuites.all(CacheDirectory.root(), MachineType.ofThisHost())
                        .isPresent();
    }

    /**
     * Writes the content of the jar with a kernel of User Mode Linux.
     *
     * @param directory the directory for the content
     * @throws VmException if there is no such kernel and none can be built
     */
    public static void writeKernelArtifact(Path directory, Consumer<String> progress) {
        UserModeKernel.writeArtifact(directory, progress);
    }

    /** Returns Debian's name of this host's architecture. */
    public static String architecture() {
        return MachineType.ofThisHost().architecture();
    }

    static Path cache() {
        return CacheDirectory.root().resolve("vm");
    }

    /**
     * A result of {@link #diagnose()}.
     *
     * @param what the name of the thing
     * @param good whether it is as it should be
     * @param needed whether no guest can run without it
     * @param found its state, as a part of a sentence
     * @param remedy the command that fixes it, if there is one
     */
    public record Finding(String what, boolean good, boolean needed, String found, Optional<String> remedy) {

        private static Finding good(String what, String found) {
            return new Finding(what, true, true, found, Optional.empty());
        }

        private Finding dispensable() {
            return new Finding(what, good, false, found, remedy);
        }
    }

    /** Checks everything that guests need on this host. Changes and fetches nothing. */
    public static List<Finding> diagnose() {
        return diagnose(VmSettings.current(), UserModeKernelArtifact.find());
    }

    static List<Finding> diagnose(VmSettings settings, Optional<UserModeKernelArtifact> artifact) {
        List<Finding> findings = new ArrayList<>();
        Distribution distribution = Distribution.ofThisHost();
        List<Finding> program = UserModeKernel.isPossible() ? List.of(userModeFinding(settings, artifact)) : List.of();
        boolean qemuNeeded = program.stream().noneMatch(Finding::good);
        for (Requirements.Requirement requirement : Requirements.all(MachineType.ofThisHost())) {
            boolean present = Requirements.isPresent(requirement);
            findings.add(new Finding(
                    requirement.what(),
                    present,
                    qemuNeeded || !requirement.isQemu(),
                    (present ? "found" : "missing") + "; " + requirement.why(),
                    present
                            ? Optional.empty()
                            : Optional.of(Requirements.installCommand(List.of(requirement), distribution))));
        }
        Finding kernel = kernelFinding(settings);
        findings.add(qemuNeeded ? kernel : kernel.dispensable());
        Path kvm = Path.of("/dev/kvm");
        boolean usable = Files.isReadable(kvm) && Files.isWritable(kvm);
        findings.add(new Finding(
                "/dev/kvm",
                usable,
                false,
                usable
                        ? "can be opened; 'setup' tries whether a guest runs on it"
                        : (Files.exists(kvm) ? "this user may not open it" : "not there")
                                + "; guests are User Mode Linux where there is a kernel for it, else emulated, which is slower",
                usable || !Files.exists(kvm)
                        ? Optional.empty()
                        : Optional.of("sudo usermod -aG kvm $USER, then log in again")));
        findings.addAll(program);
        return findings;
    }

    private static Finding userModeFinding(VmSettings settings, Optional<UserModeKernelArtifact> artifact) {
        String what = "kernel of User Mode Linux";
        try {
            Optional<GuestKernel> kernel = UserModeKernel.PLAIN.find(settings);
            if (kernel.isPresent()) {
                return Finding.good(
                        what, kernel.get().image() + ", " + kernel.get().origin());
            }
        } catch (DblockException e) {
            // The settings name a kernel that cannot be used, which is an error.
            return new Finding(what, false, true, String.valueOf(e.getMessage()), Optional.empty());
        }
        if (artifact.isPresent()) {
            return Finding.good(what, "'setup' takes it from " + artifact.get().jar());
        }
        return new Finding(
                what,
                false,
                false,
                canMakeUserModeKernels()
                        ? "none yet; without KVM, guests are emulated until 'setup' has built one (once, some minutes)"
                        : "none, and none can be built here, as that takes a source package of Debian's",
                canMakeUserModeKernels()
                        ? Optional.of("java -jar junit-dblock-cli.jar setup")
                        : Optional.of("put " + UserModeKernelArtifact.NAME + " into the local repository, or export "
                                + VmSettings.UML_KERNEL + "=<kernel>"));
    }

    private static Finding kernelFinding(VmSettings settings) {
        Optional<String> wanted = settings.kernel();
        String what = "guest kernel";
        try {
            KernelChoice choice = KernelChoice.of(wanted);
            KernelFinder finder = new KernelFinder(
                    CacheDirectory.root().resolve("kernels"), Path.of("/"), choice.machine(), line -> {});
            Optional<GuestKernel> kernel = wanted.isPresent() && wanted.get().startsWith("/")
                    ? Optional.of(finder.find(wanted, settings.modules()))
                    : finder.findHere(choice.wanted());
            if (kernel.isPresent()) {
                return Finding.good(
                        what, kernel.get().release() + ", " + kernel.get().origin());
            }
        } catch (IOException | DblockException e) {
            return new Finding(what, false, true, String.valueOf(e.getMessage()), Optional.empty());
        }
        return Distribution.ofThisHost() == Distribution.UNKNOWN
                ? new Finding(
                        what,
                        false,
                        true,
                        "none with its headers on this host, and no way known to fetch one here",
                        Optional.of("export " + VmSettings.KERNEL + "=<image> " + VmSettings.MODULES + "=<directory>"))
                : Finding.good(
                        what, "none here yet; 'setup' fetches one from the distribution's packages, no root needed");
    }
}
