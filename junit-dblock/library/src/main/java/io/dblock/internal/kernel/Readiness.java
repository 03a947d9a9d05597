// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import com.sun.jna.Platform;
import io.dblock.handler.Errno;
import java.nio.ByteBuffer;

/**
 * Waits for many sessions at once, by epoll(7): until a request of a session's device waits for a server, or a device
 * has ended. A session is reported once, and again only after {@link #rearm}.
 *
 * <p>One thread waits. Any thread may do the rest, even during the wait.
 */
public final class Readiness implements AutoCloseable {
    /** struct epoll_event is packed on x86 and on no other architecture. */
    static final int EVENT_SIZE = Platform.isIntel() ? 12 : 16;

    static final int EVENT_EVENTS = 0;
    static final int EVENT_DATA = EVENT_SIZE - Long.BYTES;

    private static final int AT_ONCE = 64;
    private static final long WAKE_UP = -1;

    private final Linux linux;
    private final int epoll;
    private final int eventfd;
    private final NativeMemory found = NativeMemory.allocate(AT_ONCE * EVENT_SIZE);
    private final NativeMemory event = NativeMemory.allocate(EVENT_SIZE);
    private boolean closed;
    private int ready;

    private Readiness(Linux linux) {
        this.linux = linux;
        epoll = checked(linux.epollCreate(), "make an epoll instance");
        int made = linux.eventfd();
        if (made < 0) {
            linux.close(epoll);
        }
        eventfd = checked(made, "make an eventfd");
        // Edge-triggered, so that each signal is reported once and nobody has to read it.
        boolean done = false;
        try {
            checked(
                    control(Linux.EPOLL_CTL_ADD, eventfd, Linux.EPOLLIN | Linux.EPOLLET, WAKE_UP),
                    "wait for an eventfd");
            done = true;
        } finally {
            if (!done) {
                close();
            }
        }
    }

    /**
     * Opens a readiness for sessions of the same kernel as this one.
     *
     * @throws ControlException if there are no more file descriptors
     */
    public static Readiness open(ControlSession session) {
        return new Readiness(session.linux());
    }

    static Readiness open(Linux linux) {
        return new Readiness(linux);
    }

    /**
     * Reports, once, when this session is ready.
     *
     * @param token what {@link #token} returns then, 0 or more
     * @return false if the module is too old to report this
     */
    public boolean add(ControlSession session, long token) {
        int result = control(Linux.EPOLL_CTL_ADD, session.fd(), Linux.EPOLLIN | Linux.EPOLLONESHOT, token);
        if (result == -Errno.EPERM.number()) {
            return false;
        }
        checked(result, "wait for requests");
        return true;
    }

    /** Reports once more when this session is ready; at once if it is. */
    public void rearm(ControlSession session, long token) {
        checked(
                control(Linux.EPOLL_CTL_MOD, session.fd(), Linux.EPOLLIN | Linux.EPOLLONESHOT, token),
                "wait for requests again");
    }

    /** Stops reporting this session. Call this before the session is closed: the number of its file may be reused. */
    public void remove(ControlSession session) {
        checked(control(Linux.EPOLL_CTL_DEL, session.fd(), 0, 0), "wait for no more requests");
    }

    private synchronized int control(int operation, int fd, int events, long token) {
        if (closed) {
            throw new IllegalStateException("closed");
        }
        ByteBuffer buffer = event.buffer();
        buffer.putInt(EVENT_EVENTS, events);
        buffer.putLong(EVENT_DATA, token);
        return linux.epollControl(epoll, operation, fd, event.address());
    }

    /**
     * Waits until a session is ready or {@link #wake} is called. A session that was removed meanwhile may still be
     * reported.
     *
     * @param millis how long to wait at most; negative: without limit
     * @return how many sessions are ready; 0 if none is, possibly before {@code millis}
     */
    public int await(int millis) {
        ready = 0;
        int count = linux.epollWait(epoll, found.address(), AT_ONCE, millis);
        if (count == -Errno.EINTR.number()) {
            return 0;
        }
        checked(count, "wait for requests");
        for (int i = 0; i < count; i++) {
            long token = found.buffer().getLong(i * EVENT_SIZE + EVENT_DATA);
            if (token != WAKE_UP) {
                found.buffer().putLong(ready++ * EVENT_SIZE + EVENT_DATA, token);
            }
        }
        return ready;
    }

    /** Returns the token of the session that is number {@code i} in the last {@link #await}. */
    public long token(int i) {
        if (i < 0 || i >= ready) {
            throw new IndexOutOfBoundsException("session " + i + " of " + ready);
        }
        return found.buffer().getLong(i * EVENT_SIZE + EVENT_DATA);
    }

    /** Ends the current {@link #await}, or the next one. */
    public synchronized void wake() {
        if (!closed) {
            linux.signal(eventfd);
        }
    }

    /** Closes this. No thread may be in {@link #await}. Idempotent. */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            linux.close(eventfd);
            linux.close(epoll);
        }
    }

    private static int checked(int result, String what) {
        if (result < 0) {
            throw new ControlException(
                    "Cannot " + what + ": " + Errno.describe(-result)
                            + ". If it is EMFILE or ENFILE, allow more open files (ulimit -n).",
                    -result);
        }
        return result;
    }
}
