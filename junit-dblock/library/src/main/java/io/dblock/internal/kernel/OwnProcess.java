// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import io.dblock.handler.Errno;
import java.util.Optional;

/** What a process that serves disks for another process first does to itself. */
public final class OwnProcess {
    private OwnProcess() {}

    /** Leaves the terminal and the process group of the parent, so that their signals do not arrive here. */
    public static void newSession() {
        // EPERM: the process already leads a group, with nobody else in it.
        Libc.INSTANCE.newSession();
    }

    /**
     * Locks all memory of this process, current and future, against swapping and reclaim. A process that waits for a
     * disk of this process must not wait until this process gets a page back from that very disk. Only touched pages
     * take memory, so reserved addresses are still free.
     *
     * @return why that is not possible; empty if it is done
     */
    public static Optional<String> lockMemory() {
        // With a limit, a process that has locked all its memory would run out of addresses instead.
        int result = Libc.INSTANCE.unlimitLockedMemory();
        if (result < 0) {
            return Optional.of("setrlimit(RLIMIT_MEMLOCK, unlimited): " + Errno.describe(-result));
        }
        result = Libc.INSTANCE.lockAllMemory();
        return result < 0 ? Optional.of("mlockall: " + Errno.describe(-result)) : Optional.empty();
    }

    /**
     * Ends this process at once. The JVM's own halt first waits 300 ms for threads in native code, such as those that
     * wait for requests.
     */
    public static void exit(int status) {
        Libc.INSTANCE.exit(status);
    }
}
