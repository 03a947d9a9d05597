// SPDX-License-Identifier: Apache-2.0
package io.dblock.kernel;

/** What a process that serves disks for another does to itself first. */
public final class OwnProcess {
    private OwnProcess() {}

    /** Leaves the terminal and the process group of the parent: signals meant for those do not come here. */
    public static void newSession() {
        // EPERM: it leads a group already, which nobody else is in then.
        Libc.INSTANCE.newSession();
    }
}
