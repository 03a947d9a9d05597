// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

/** What a thread that serves a block device should be. */
public final class ServerThread {
    private ServerThread() {}

    /**
     * Has memory that this thread allocates reclaimed without I/O, which might be to the very device it serves; prctl(2)
     * with PR_SET_IO_FLUSHER.
     *
     * @return false if that is not allowed (CAP_SYS_RESOURCE) or unknown (before Linux 5.6); it then goes without
     */
    public static boolean avoidWritebackRecursion() {
        return Libc.INSTANCE.setIoFlusher() == 0;
    }
}
