// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.DblockException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * The server processes of this JVM: the current one, which gets new devices, and those that were given up because they are
 * dead or do not answer. Safe for use by several threads.
 *
 * <p>A process that does not answer is not killed while it has devices: if it was only stopped, they go on when it is
 * continued. A new device does not wait for that and gets a new process. The old process is killed when its last device is
 * closed, and at the latest by {@link #stop()}.
 */
final class ServerPool {
    private final Supplier<ServerProcess> starter;
    /** Changed under the lock of this. Read without it, because a thread that starts a process holds it for long. */
    private volatile ServerProcess current;
    // Guarded by this.
    private final List<ServerProcess> givenUp = new ArrayList<>();

    ServerPool(Supplier<ServerProcess> starter) {
        this.starter = starter;
    }

    /**
     * Returns the process for a new device. Starts one if there is none that answers.
     *
     * @throws DblockException if it cannot be started; says why
     */
    synchronized ServerProcess instance() {
        if (current != null && !current.answers()) {
            giveUpCurrent();
        }
        if (current == null) {
            current = starter.get();
        }
        return current;
    }

    /**
     * Returns what {@code maker} makes on the current process. If that turns out to be dead, tries once more on a new one:
     * the kernel has removed everything that the dead process had begun. There is no third try, because a second death
     * means that the maker causes it.
     *
     * @throws DblockException if no process can be started, or {@code maker} throws it
     */
    <T> T make(Function<RemoteServer, T> maker) {
        RemoteServer first = instance().server();
        try {
            return maker.apply(first);
        } catch (DblockException e) {
            if (first.isOpen()) {
                throw e;
            }
            try {
                return maker.apply(instance().server());
            } catch (DblockException again) {
                again.addSuppressed(e);
                throw again;
            }
        }
    }

    private void giveUpCurrent() {
        givenUp.removeIf(server -> !server.isAlive());
        givenUp.add(current);
        current.giveUp();
        current = null;
    }

    /** Returns the pid of the current process; empty if it does not run. */
    Optional<Long> pid() {
        ServerProcess now = current;
        return now == null || !now.isAlive() ? Optional.empty() : Optional.of(now.processId());
    }

    /** Starts a process in the background if none runs. If that fails, the next call that needs a process fails. */
    void startAhead() {
        if (pid().isPresent()) {
            return;
        }
        Thread thread = new Thread(
                () -> {
                    try {
                        instance();
                    } catch (DblockException e) {
                        // The next call of instance() tries again and reports the failure.
                    }
                },
                "junit-dblock start of the server process");
        thread.setDaemon(true);
        thread.start();
    }

    /** Ends all processes, and their devices with them. */
    synchronized void stop() {
        // Kill those given up first, so that they end while the current one does.
        givenUp.forEach(ServerProcess::kill);
        try {
            if (current != null) {
                current.end();
                current = null;
            }
        } finally {
            givenUp.forEach(ServerProcess::end);
            givenUp.clear();
        }
    }
}
