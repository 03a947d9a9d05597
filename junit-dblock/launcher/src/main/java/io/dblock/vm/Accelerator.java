// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

/** How the instructions of a guest are executed. */
enum Accelerator {
    /** By the processor itself, through the host's kernel. */
    KVM,
    /** By the processor itself: the guest's kernel is a program of the host, User Mode Linux. */
    UML,
    /** By QEMU's emulation. */
    TCG
}
