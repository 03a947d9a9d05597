// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import io.dblock.handler.Errno;
import java.util.Optional;

/** What a process that serves disks for another does to itself first. */
public final class OwnProcess {
    private OwnProcess() {}

    /** Leaves the terminal and the process group of the parent: signals meant for those do not come here. */
    public static void newSession() {
        // EPERM: it leads a group already, which nobody else is in then.
        Libc.INSTANCE.newSession();
    }

    /**
     * Keeps all memory of this process from being swapped out or reclaimed, what it gets later included: whoever waits for a
     * disk that this process serves must not wait for this process to get a page back from that very disk. Only what is
     * touched takes memory, so that reserved addresses still cost nothing.
     *
     * @return why that is not possible; empty if it is done
     */
    public static Optional<String> lockMemory() {
        // Below a limit a process that has locked all its memory runs out of addresses instead.
        int result = Libc.INSTANCE.unlimitLockedMemory();
        if (result < 0) {
            return Optional.of("setrlimit(RLIMIT_MEMLOCK, unlimited): " + Errno.describe(-result));
        }
        result = Libc.INSTANCE.lockAllMemory();
        return result < 0 ? Optional.of("mlockall: " + Errno.describe(-result)) : Optional.empty();
    }

    /**
     * Ends this process at once. The JVM's own halt first waits 300 ms for threads that are in native code, as those are that
     * wait for requests.
     */
    public static void exit(int status) {
        Libc.INSTANCE.exit(status);
    }
}
