// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import io.dblock.server.ServedDevice;
import io.dblock.server.Watchdog;
import io.dblock.server.process.ServerProcess;
import java.util.function.Consumer;

/** Who watches a device for requests that nobody answers. */
final class Watches {
    private Watches() {}

    /**
     * Has a device watched by this JVM and, if this one answers its requests itself, by the server process too: from inside
     * it cannot be seen that a JVM is stuck.
     *
     * @param reports takes what is found out
     */
    static Watchdog.Watch of(ServedDevice served, Consumer<String> reports) {
        Watchdog.Watch inside = Watchdog.watch(new LiveSubject(served, reports));
        if (served.answering().outside()) {
            return inside;
        }
        Watchdog.Watch outside =
                ServerProcess.watch(served.created(), served.answering().lines(), reports);
        return () -> {
            inside.close();
            outside.close();
        };
    }
}
