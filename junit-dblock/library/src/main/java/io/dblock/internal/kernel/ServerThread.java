// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

/** Prepares threads that serve a block device. */
public final class ServerThread {
    private ServerThread() {}

    /**
     * Prevents memory allocation in this thread from reclaiming memory by I/O, which might be to the device it serves;
     * prctl(2) with PR_SET_IO_FLUSHER.
     *
     * @return false if that is not allowed (CAP_SYS_RESOURCE) or unknown (before Linux 5.6); the thread then goes
     *     without it
     */
    public static boolean avoidWritebackRecursion() {
        return Libc.INSTANCE.setIoFlusher() == 0;
    }
}
