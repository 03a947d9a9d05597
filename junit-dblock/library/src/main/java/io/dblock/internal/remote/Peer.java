// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import java.time.Duration;

/** The process at the other end of a {@link Connection}. Safe for use by several threads. */
interface Peer {

    /** Whether a process can answer at all. */
    enum Liveness {
        /** A thread of it runs, wants to, or waits for a page or a disk: it answers when it gets to it. */
        BUSY,
        /** All of its threads wait for something: it answers what it is asked at once. */
        IDLE,
        /** By a signal such as SIGSTOP, or by a debugger: it answers when it is continued. */
        STOPPED,
        /** Dead, even if one of its threads still waits in the kernel and keeps its files open. */
        GONE
    }

    /** What it is called in errors, as in "The server process (pid 12)". */
    String name();

    /** What the kernel says of it now. Must not wait for the process. */
    Liveness liveness();

    /** For errors: whole sentences on the state that it is in, and on what can be done about it. */
    String describe();

    /**
     * How long it may say nothing although it is idle whenever one looks, and was asked for a sign of life, which takes no
     * more of it than one thread that runs.
     */
    Duration patience();
}
