// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** An architecture for guests: the machine that QEMU provides, and the names and packages on Debian. */
enum MachineType {
    X86_64("amd64", "x86_64", "qemu-system-x86_64", "qemu-system-x86", "ttyS0", "x86_64-linux-gnu", "amd64") {
        @Override
        List<String> options(Accelerator accelerator) {
            // 'max' has five-level page tables, with which kernel 7.3 hangs in QEMU 7.2 before its first line. Its
            // cmpxchg16b sets all flags but the zero flag to values of an earlier calculation, for example NT, and the
            // next interrupt then ends in a double fault. Without cmpxchg16b, the kernel's allocator does not need it.
            // QEMU emulates fast string instructions byte by byte. With them, the kernel and the C library copy at a
            // third of the speed of plain loops.
            return accelerator == Accelerator.KVM
                    ? List.of("-machine", "q35", "-accel", "kvm", "-cpu", "host")
                    : List.of(
                            "-machine", "q35", "-accel", EMULATION, "-cpu", "max,la57=off,cx16=off,erms=off,fsrm=off");
        }
    },
    /** 64-bit ARM. Tried only as a guest on x86-64. */
    AARCH64("arm64", "arm64", "qemu-system-aarch64", "qemu-system-arm", "ttyAMA0", "aarch64-linux-gnu", "arm64") {
        @Override
        List<String> options(Accelerator accelerator) {
            return accelerator == Accelerator.KVM
                    ? List.of("-machine", "virt", "-accel", "kvm", "-cpu", "host")
                    : List.of("-machine", "virt", "-accel", EMULATION, "-cpu", "max,pauth-impdef=on");
        }
    },
    /** 32-bit ARM. Kernels without LPAE have high memory, but cannot address devices above 4 GiB. */
    ARMHF("armhf", "arm", "qemu-system-arm", "qemu-system-arm", "ttyAMA0", "arm-linux-gnueabihf", "armmp") {
        @Override
        List<String> options(Accelerator accelerator) {
            // The kernel stops all processors for each place that it patches, thousands of times in a boot. With one
            // thread for all processors, each stop would wait until every processor has had its turn.
            return List.of("-machine", "virt,highmem=off", "-accel", "tcg,thread=multi", "-cpu", "cortex-a15");
        }
    },
    /** 32-bit x86. */
    I386("i386", "i386", "qemu-system-i386", "qemu-system-x86", "ttyS0", "i686-linux-gnu", "686-pae") {
        @Override
        List<String> options(Accelerator accelerator) {
            // 'max' is an AMD processor, with which a 32-bit kernel does not use more than one.
            return List.of("-machine", "q35", "-accel", EMULATION, "-cpu", "max,vendor=GenuineIntel");
        }

        @Override
        long mostMemoryMiB() {
            // With high memory, init loops in the kernel for ever.
            return 768;
        }
    };

    /**
     * Emulation with one thread for all processors. With several threads, the kernel sometimes ends in an oops when it
     * patches code that another processor runs (module loading, static keys, tracing).
     */
    private static final String EMULATION = "tcg,thread=single";

    private final String architecture;
    private final String kernelArchitecture;
    private final String binary;
    private final String qemuPackage;
    private final String console;
    private final String gnuName;
    private final String flavour;

    MachineType(
            String architecture,
            String kernelArchitecture,
            String binary,
            String qemuPackage,
            String console,
            String gnuName,
            String flavour) {
        this.architecture = architecture;
        this.kernelArchitecture = kernelArchitecture;
        this.binary = binary;
        this.qemuPackage = qemuPackage;
        this.console = console;
        this.gnuName = gnuName;
        this.flavour = flavour;
    }

    /** Returns whether this is one of the two x86 architectures. */
    boolean isX86() {
        return this == X86_64 || this == I386;
    }

    /** Returns QEMU's options for the machine, the accelerator and the processor. */
    abstract List<String> options(Accelerator accelerator);

    /** Returns the largest memory in MiB with which a guest still boots. */
    long mostMemoryMiB() {
        return Long.MAX_VALUE;
    }

    /** Returns Debian's name of the architecture. */
    String architecture() {
        return architecture;
    }

    /** Returns the name of the QEMU binary. */
    String binary() {
        return binary;
    }

    /** Returns the Debian package of the QEMU binary. */
    String qemuPackage() {
        return qemuPackage;
    }

    /** Returns the device of the serial console, for the kernel's command line. */
    String console() {
        return console;
    }

    /** Returns the end of the releases of Debian's kernels for this architecture. */
    String flavour() {
        return flavour;
    }

    boolean isThisHosts() {
        return this == ofThisHost();
    }

    /** Returns the C compiler: this host's own, or a cross compiler. */
    String compiler() {
        return isThisHosts() ? "cc" : gnuName + "-gcc";
    }

    /** Returns the Debian packages of this compiler and its C library. */
    List<String> compilerPackages() {
        return isThisHosts()
                ? List.of("gcc", "libc6-dev")
                : List.of("gcc-" + gnuName.replace('_', '-'), "libc6-dev-" + architecture + "-cross");
    }

    /** Returns the arguments of make to build a module for this architecture. */
    List<String> makeArguments() {
        return isThisHosts() ? List.of() : List.of("ARCH=" + kernelArchitecture, "CROSS_COMPILE=" + gnuName + "-");
    }

    /**
     * Returns the type of this host.
     *
     * @throws VmException if there is none for its architecture
     */
    static MachineType ofThisHost() {
        String arch = System.getProperty("os.arch");
        return switch (arch) {
            case "amd64", "x86_64" -> X86_64;
            case "aarch64" -> AARCH64;
            default ->
                throw new VmException("no guest machine for the architecture '" + arch
                        + "': known are amd64 and aarch64. Load the module on the host instead.");
        };
    }

    /**
     * Returns the type of the architecture with this Debian name.
     *
     * @throws VmException if there is none
     */
    static MachineType of(String architecture) {
        for (MachineType machine : values()) {
            if (machine.architecture.equals(architecture)) {
                return machine;
            }
        }
        throw new VmException("no guest machine for the architecture '" + architecture + "': known are "
                + Arrays.stream(values()).map(MachineType::architecture).collect(Collectors.joining(", ")));
    }
}
