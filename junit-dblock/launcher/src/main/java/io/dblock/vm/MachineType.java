// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** An architecture that a guest may have: the machine that QEMU emulates for it, and what belongs to it on Debian. */
enum MachineType {
    X86_64("amd64", "x86_64", "qemu-system-x86_64", "qemu-system-x86", "ttyS0", "x86_64-linux-gnu", "amd64") {
        @Override
        List<String> options(Accelerator accelerator) {
            // Plain 'max' has five-level page tables, on which QEMU 7.2 hangs kernel 7.3 before its first line. And its
            // cmpxchg16b leaves any flags but the zero flag as what was calculated before: NT, say, with which the next
            // interrupt ends in a double fault. The kernel's allocator does without it, where there is none.
            // Fast string instructions are slow ones here: QEMU emulates them byte by byte. With them the kernel and
            // the C library copy at a third of the speed that they have with their plain loops.
            return accelerator == Accelerator.KVM
                    ? List.of("-machine", "q35", "-accel", "kvm", "-cpu", "host")
                    : List.of(
                            "-machine", "q35", "-accel", EMULATION, "-cpu", "max,la57=off,cx16=off,erms=off,fsrm=off");
        }
    },
    /** Tried as a guest of x86-64 only. */
    AARCH64("arm64", "arm64", "qemu-system-aarch64", "qemu-system-arm", "ttyAMA0", "aarch64-linux-gnu", "arm64") {
        @Override
        List<String> options(Accelerator accelerator) {
            return accelerator == Accelerator.KVM
                    ? List.of("-machine", "virt", "-accel", "kvm", "-cpu", "host")
                    : List.of("-machine", "virt", "-accel", EMULATION, "-cpu", "max,pauth-impdef=on");
        }
    },
    /** 32-bit ARM. The plain kernels have high memory, but do not see what lies above 4 GiB. */
    ARMHF("armhf", "arm", "qemu-system-arm", "qemu-system-arm", "ttyAMA0", "arm-linux-gnueabihf", "armmp") {
        @Override
        List<String> options(Accelerator accelerator) {
            // Its kernel stops all processors for each place that it patches, thousands of them in a boot. In one
            // thread each of these would wait for the others' turns.
            return List.of("-machine", "virt,highmem=off", "-accel", "tcg,thread=multi", "-cpu", "cortex-a15");
        }
    },
    /** 32-bit x86. */
    I386("i386", "i386", "qemu-system-i386", "qemu-system-x86", "ttyS0", "i686-linux-gnu", "686-pae") {
        @Override
        List<String> options(Accelerator accelerator) {
            // 'max' is an AMD processor, which a 32-bit kernel takes for one that cannot be several.
            return List.of("-machine", "q35", "-accel", EMULATION, "-cpu", "max,vendor=GenuineIntel");
        }

        @Override
        long mostMemoryMiB() {
            // With high memory, init spins in the kernel for ever.
            return 768;
        }
    };

    /**
     * One thread for all processors: with several, code that the kernel patches while another processor runs it (module
     * loading, static keys, tracing) now and then ends in an oops.
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

    /** Whether it is one of the two x86 architectures. */
    boolean isX86() {
        return this == X86_64 || this == I386;
    }

    abstract List<String> options(Accelerator accelerator);

    /** With more than this it does not get to its command. */
    long mostMemoryMiB() {
        return Long.MAX_VALUE;
    }

    /** What Debian calls it. */
    String architecture() {
        return architecture;
    }

    /** QEMU's program. */
    String binary() {
        return binary;
    }

    /** Debian's package of that. */
    String qemuPackage() {
        return qemuPackage;
    }

    /** The device of the serial console, for the kernel's command line. */
    String console() {
        return console;
    }

    /** How the releases of Debian's kernels for it end. */
    String flavour() {
        return flavour;
    }

    boolean isThisHosts() {
        return this == ofThisHost();
    }

    /** The C compiler for it: this host's own, or one that makes programs for the other. */
    String compiler() {
        return isThisHosts() ? "cc" : gnuName + "-gcc";
    }

    /** Debian's packages of that compiler and its C library. */
    List<String> compilerPackages() {
        return isThisHosts()
                ? List.of("gcc", "libc6-dev")
                : List.of("gcc-" + gnuName.replace('_', '-'), "libc6-dev-" + architecture + "-cross");
    }

    /** What make has to be told to build a module for a kernel of it. */
    List<String> makeArguments() {
        return isThisHosts() ? List.of() : List.of("ARCH=" + kernelArchitecture, "CROSS_COMPILE=" + gnuName + "-");
    }

    /**
     * The machine like this host.
     *
     * @throws VmException for an architecture without one
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
     * The machine of the architecture that Debian calls so.
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
