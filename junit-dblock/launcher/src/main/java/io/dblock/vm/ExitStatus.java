// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

/** Exit statuses of the launcher that are not the command's own. */
public final class ExitStatus {

    /** The stream from the guest was damaged: what the command did or said is not known. */
    public static final int DAMAGED_STREAM = 96;

    /** The guest ended or hung after the command was started, and told no exit status. */
    public static final int GUEST_LOST = 97;

    /** The guest could not be prepared, or did not get as far as starting the command. */
    public static final int NOT_STARTED = 98;

    /** The command ended with status 0, but the guest's kernel reported trouble. */
    public static final int KERNEL_TROUBLE = 99;

    private ExitStatus() {}
}
