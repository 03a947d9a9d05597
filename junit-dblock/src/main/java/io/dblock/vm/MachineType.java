// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.util.List;

/** The machine that QEMU emulates, by the host's architecture. */
enum MachineType {
    X86_64("qemu-system-x86_64", "ttyS0") {
        @Override
        List<String> options(Accelerator accelerator) {
            // Plain 'max' has five-level page tables, on which QEMU 7.2 hangs kernel 7.3 before its first line.
            return accelerator == Accelerator.KVM
                    ? List.of("-machine", "q35", "-accel", "kvm", "-cpu", "host")
                    // One thread for all processors: with several, code that the kernel patches while another
                    // processor runs it (module loading, static keys, tracing) now and then ends in an oops.
                    : List.of("-machine", "q35", "-accel", "tcg,thread=single", "-cpu", "max,la57=off");
        }
    },
    /** Never tried yet: there was no such machine. */
    AARCH64("qemu-system-aarch64", "ttyAMA0") {
        @Override
        List<String> options(Accelerator accelerator) {
            return accelerator == Accelerator.KVM
                    ? List.of("-machine", "virt", "-accel", "kvm", "-cpu", "host")
                    : List.of("-machine", "virt", "-accel", "tcg,thread=single", "-cpu", "max,pauth-impdef=on");
        }
    };

    private final String binary;
    private final String console;

    MachineType(String binary, String console) {
        this.binary = binary;
        this.console = console;
    }

    abstract List<String> options(Accelerator accelerator);

    String binary() {
        return binary;
    }

    /** The device of the serial console, for the kernel's command line. */
    String console() {
        return console;
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
}
