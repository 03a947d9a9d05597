// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.internal.kernel.Bounded;
import io.dblock.internal.remote.ServerProcess;
import io.dblock.internal.server.ServedDevice;
import io.dblock.internal.watchdog.Watchdog;
import java.time.Duration;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Arranges who watches a device for requests that nobody answers. */
final class Watches {
    /** More than the start of a server process may take, which has its own limit and error. */
    private static final Duration LIMIT = Duration.ofMinutes(5);

    private Watches() {}

    /**
     * Starts a disk and watches the device in this JVM. If this JVM answers the requests itself, the server process watches
     * the device, too, because a JVM cannot see from inside that it is stuck. All watches have begun when this returns,
     * since this JVM may get stuck at once. The server process is asked while the disk starts, which saves time.
     *
     * @param start starts the disk
     * @param reports takes the reports of both
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

    /** Starts a disk while {@code outside} makes a watch, then makes another; errors name the first as {@code what}. */
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

    /** Ends the watch of a disk that could not be started. If that fails, the watch ends when the device is removed. */
    private static void endWhenMade(Bounded<Watchdog.Watch> asked, Throwable reason) {
        try {
            asked.awaitEnd(LIMIT);
            asked.result(LIMIT).close();
        } catch (RuntimeException e) {
            reason.addSuppressed(e);
        }
    }
}
