// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.DblockException;
import io.dblock.handler.Errno;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.kernel.DeviceParameters;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

/** The module's side of a device: what it has been told of it, and says. It has a control session of its own. */
final class KernelDevice implements AutoCloseable {
    private static final Duration NAME_WAIT = Duration.ofSeconds(5);

    private final ControlSession session;
    private final DeviceInfo created;
    /** Bytes. */
    private volatile long size;

    /** Calls that destroy it now. */
    private final AtomicInteger destroying = new AtomicInteger();
    /** Whether it is known to be gone from the module: only then there is nothing left to be destroyed. */
    private volatile boolean gone;

    private KernelDevice(ControlSession session, DeviceInfo created) {
        this.session = session;
        this.created = created;
        size = created.parameters().size();
    }

    /**
     * Creates it on this session, which is its own from now on. The former device of its name may be about to be closed for
     * the last time.
     */
    static KernelDevice create(ControlSession session, DeviceParameters parameters) {
        long deadline = System.nanoTime() + NAME_WAIT.toNanos();
        while (true) {
            try {
                return new KernelDevice(session, session.create(parameters));
            } catch (ControlException e) {
                if (!e.is(Errno.EBUSY) || System.nanoTime() > deadline) {
                    throw e;
                }
            }
            try {
                Thread.sleep(20);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new DblockException("Interrupted while waiting for the name " + parameters.name() + ".", e);
            }
        }
    }

    ControlSession session() {
        return session;
    }

    /** As it was made. */
    DeviceInfo created() {
        return created;
    }

    int id() {
        return created.id();
    }

    String name() {
        return created.name();
    }

    /** As it was made with. */
    DeviceParameters parameters() {
        return created.parameters();
    }

    int depth() {
        return parameters().depth();
    }

    int maxIo() {
        return parameters().maxIo();
    }

    /** What the module says of it now. */
    DeviceInfo info() {
        return session.info(id());
    }

    /** What the module says, since whoever destroys it need not do so through this. */
    boolean isEnding() {
        try {
            return gone || info().state() == DeviceInfo.State.ENDING;
        } catch (ControlException e) {
            return true;
        }
    }

    void start() {
        session.start(id());
    }

    /** Its size now, in bytes. */
    long size() {
        return size;
    }

    void resize(long bytes) {
        session.resize(id(), bytes);
        size = bytes;
    }

    void setReadOnly(boolean readOnly) {
        session.setReadOnly(id(), readOnly);
    }

    /** Whatever other calls of this are under way: the module knows how an orderly one is overtaken by a forced one. */
    void destroy(boolean force) {
        destroying.incrementAndGet();
        try {
            if (gone) {
                return;
            }
            session.destroy(id(), force);
            gone = true;
        } catch (ControlException e) {
            if (e.is(Errno.ENODEV)) {
                gone = true; // Somebody destroyed it by its name.
            } else if (!e.is(Errno.EALREADY)) {
                throw e;
            }
        } finally {
            destroying.decrementAndGet();
        }
    }

    /** Whether a thread destroys it now. */
    boolean isBeingDestroyed() {
        return destroying.get() != 0;
    }

    /** Closes the session, with which it is gone at the latest. Nobody may use it any more. */
    @Override
    public void close() {
        gone = true;
        session.close();
    }
}
