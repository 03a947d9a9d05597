// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.DblockException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * The server processes of this JVM: the one that gets new devices, and those that were given up because they are dead or do
 * not answer.
 *
 * <p>One that does not answer is not killed as long as it has devices: if it was only stopped, they go on when it is. But a new
 * device does not wait for that, it gets a new server. The old one is killed when its last device is closed, and at the latest
 * when this ends.
 */
final class ServerPool {
    private final Supplier<ServerProcess> starter;
    /** Changed under the lock of this. Read without: whoever holds the lock may be starting one, which takes long. */
    private volatile ServerProcess current;
    // Guarded by this.
    private final List<ServerProcess> givenUp = new ArrayList<>();

    ServerPool(Supplier<ServerProcess> starter) {
        this.starter = starter;
    }

    /**
     * The one for a new device; started if there is none that answers.
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
     * What is made on the one for new devices. If that turns out to have died, which may have been too recent to be seen before,
     * it is made on a new one: of what a dead process has begun, the kernel leaves nothing. If that dies, too, it is what kills
     * them, and there is no third.
     *
     * @throws DblockException if none can be started, or as {@code maker} does
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

    /** The pid of the one for new devices, if it runs. */
    Optional<Long> pid() {
        ServerProcess now = current;
        return now == null || !now.isAlive() ? Optional.empty() : Optional.of(now.processId());
    }

    /** Starts it, if there is none, while this JVM does something else. What goes wrong is told to who needs it next. */
    void startAhead() {
        if (pid().isPresent()) {
            return;
        }
        Thread thread = new Thread(
                () -> {
                    try {
                        instance();
                    } catch (DblockException e) {
                        // It is tried again, and fails again, for somebody who can be told.
                    }
                },
                "junit-dblock start of the server process");
        thread.setDaemon(true);
        thread.start();
    }

    /** Ends all. Their devices end with them. */
    synchronized void stop() {
        // First all are told to end, then each is waited for.
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
