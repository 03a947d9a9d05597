// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import java.time.Duration;

/** The process at the other end of a {@link Connection}. Safe for use by several threads. */
interface Peer {

    /** Whether a process can answer. */
    enum Liveness {
        /** A thread of it runs, is ready to run, or waits for a page or a disk: it answers sooner or later. */
        BUSY,
        /** All of its threads wait: it answers at once. */
        IDLE,
        /** A signal such as SIGSTOP or a debugger has stopped it: it answers when it is continued. */
        STOPPED,
        /** It is dead, even if one of its threads still waits in the kernel and keeps its files open. */
        GONE
    }

    /** Returns its name for errors, such as "The server process (pid 12)". */
    String name();

    /** Returns its current state, from the kernel. Must not wait for the process. */
    Liveness liveness();

    /** Returns sentences for errors: the state of the process, and what to do about it. */
    String describe();

    /**
     * Returns how long the process may send nothing, although it was sent a ping and every check finds it idle. To answer a
     * ping takes only one thread that runs.
     */
    Duration patience();
}
