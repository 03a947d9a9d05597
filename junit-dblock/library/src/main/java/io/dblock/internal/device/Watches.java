// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.internal.kernel.Bounded;
import io.dblock.internal.remote.ServerProcess;
import io.dblock.internal.server.ServedDevice;
import io.dblock.internal.watchdog.Watchdog;
import java.time.Duration;
import java.util.function.Consumer;
import java.util.function.Supplier;

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
        Supplier<Watchdog.Watch> inside = () -> Watchdog.watch(new LiveSubject(served, reports));
        if (served.answering().outside()) {
            start.run();
            return inside.get();
        }
        return during(
                start,
                "having " + served.created().name() + " watched",
                () -> ServerProcess.watch(served.created(), served.answering().lines(), reports),
                inside);
    }

    /** The same with two that watch, the first of which is made meanwhile, by what errors call this. */
    static Watchdog.Watch during(
            Runnable start, String what, Supplier<Watchdog.Watch> outside, Supplier<Watchdog.Watch> inside) {
        Bounded<Watchdog.Watch> asked = Bounded.start(what, outside);
        try {
            start.run();
        } catch (RuntimeException | Error e) {
            endWhenMade(asked, e);
            throw e;
        }
        asked.awaitEnd(LIMIT);
        Watchdog.Watch first = asked.result(LIMIT);
        Watchdog.Watch second = inside.get();
        return () -> {
            try {
                second.close();
            } finally {
                first.close();
            }
        };
    }

    /** Ends the watch of a disk that has not started. If that fails, it ends when the device goes. */
    private static void endWhenMade(Bounded<Watchdog.Watch> asked, Throwable reason) {
        try {
            asked.awaitEnd(LIMIT);
            asked.result(LIMIT).close();
        } catch (RuntimeException e) {
            reason.addSuppressed(e);
        }
    }
}
