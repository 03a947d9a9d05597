// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import io.dblock.server.ServedDevice;
import io.dblock.server.Watchdog;
import io.dblock.server.process.ServerProcess;
import java.time.Duration;
import java.util.function.Consumer;

/** Who watches a device for requests that nobody answers. */
final class Watches {
    /** Longer than starting a server process may take, which says so itself then. */
    private static final Duration LIMIT = Duration.ofMinutes(5);

    private Watches() {}

    /**
     * Starts a disk and has the device watched by this JVM and, if this one answers its requests itself, by the server process
     * too: from inside it cannot be seen that a JVM is stuck. They do when this returns, since this JVM may be stuck soon. The
     * server process is asked while the disk starts: its answer takes about as long.
     *
     * @param start starts the disk
     * @param reports takes what is found out
     */
    static Watchdog.Watch during(Runnable start, ServedDevice served, Consumer<String> reports) {
        if (served.answering().outside()) {
            start.run();
            return Watchdog.watch(new LiveSubject(served, reports));
        }
        Bounded<Watchdog.Watch> asked = Bounded.start(
                "having " + served.created().name() + " watched",
                () -> ServerProcess.watch(served.created(), served.answering().lines(), reports));
        boolean started = false;
        try {
            start.run();
            started = true;
        } finally {
            // If it has not started, the server process sees it go.
            if (asked.awaitEnd(LIMIT) && !started) {
                asked.result(LIMIT).close();
            }
        }
        Watchdog.Watch outside = asked.result(LIMIT);
        Watchdog.Watch inside = Watchdog.watch(new LiveSubject(served, reports));
        return () -> {
            inside.close();
            outside.close();
        };
    }
}
