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

/** A device as the module knows it, with its own control session. */
final class KernelDevice implements AutoCloseable {
    private static final Duration NAME_WAIT = Duration.ofSeconds(5);

    private final ControlSession session;
    private final DeviceInfo created;
    /** The current size in bytes. */
    private volatile long size;

    /** How many calls of {@link #destroy} are under way. */
    private final AtomicInteger destroying = new AtomicInteger();
    /** Whether the module is known to have removed the device; later calls of {@link #destroy} then do nothing. */
    private volatile boolean gone;

    private KernelDevice(ControlSession session, DeviceInfo created) {
        this.session = session;
        this.created = created;
        size = created.parameters().size();
    }

    /**
     * Creates a device on this session, which it then owns. Waits a few seconds for its name, because a destroyed device
     * keeps the name until it is closed for the last time.
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
            // The kernel has no event for the end of a name, so ask again.
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

    /** Returns the device as it was created. */
    DeviceInfo created() {
        return created;
    }

    int id() {
        return created.id();
    }

    String name() {
        return created.name();
    }

    /** Returns the parameters that the device was created with. */
    DeviceParameters parameters() {
        return created.parameters();
    }

    int depth() {
        return parameters().depth();
    }

    int maxIo() {
        return parameters().maxIo();
    }

    /** Returns what the module reports now. */
    DeviceInfo info() {
        return session.info(id());
    }

    /** Returns whether the device has ended or is ending. Asks the module, because another session may destroy the device. */
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

    /** Returns the current size in bytes. */
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

    /** Removes the disk. Takes no lock, because a forced call must reach the module while one without force waits there. */
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
                gone = true; // Another call destroyed the device.
            } else if (!e.is(Errno.EALREADY)) {
                throw e;
            }
        } finally {
            destroying.decrementAndGet();
        }
    }

    /** Returns whether a call of {@link #destroy} is under way. */
    boolean isBeingDestroyed() {
        return destroying.get() != 0;
    }

    /** Closes the session, which ends the device if it still exists. No thread may use the session any longer. */
    @Override
    public void close() {
        gone = true;
        session.close();
    }
}
