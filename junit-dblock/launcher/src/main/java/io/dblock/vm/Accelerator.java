// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

/** What runs the guest's instructions. */
enum Accelerator {
    /** The processor itself, through the host's kernel. */
    KVM,
    /** The processor itself, for a kernel that is a program of the host: User Mode Linux. */
    UML,
    /** QEMU's emulation. */
    TCG
}
