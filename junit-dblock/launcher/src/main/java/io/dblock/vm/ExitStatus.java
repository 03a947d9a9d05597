// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

/** The launcher's own exit statuses; all others are the command's. */
public final class ExitStatus {

    /** The stream from the guest was damaged: the result and the output of the command are unknown. */
    public static final int DAMAGED_STREAM = 96;

    /** The guest ended or hung after the command was started, without an exit status. */
    public static final int GUEST_LOST = 97;

    /** The guest could not be prepared, or did not start the command. */
    public static final int NOT_STARTED = 98;

    /** The command ended with status 0, but the guest's kernel reported trouble. */
    public static final int KERNEL_TROUBLE = 99;

    private ExitStatus() {}
}
