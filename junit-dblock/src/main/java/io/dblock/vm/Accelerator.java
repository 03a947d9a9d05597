// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

/** What runs the guest's instructions. */
enum Accelerator {
    /** The processor itself, through the host's kernel. */
    KVM,
    /** QEMU's emulation. */
    TCG
}
