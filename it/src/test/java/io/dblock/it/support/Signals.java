// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Stream;

/** Signals after which a process does nothing any more. */
public final class Signals {
    private static final Duration BOUND = Duration.ofSeconds(60);

    private Signals() {}

    /**
     * Sends {@code STOP} or {@code KILL}, and waits until no thread of the process runs. Each of them stops when it sees the
     * signal, and may go on answering until then.
     */
    public static void strike(ProcessHandle process, Object signal) {
        Commands.run("kill", "-" + signal, process.pid());
        Poll.until(
                "all threads of process " + process.pid() + " to feel SIG" + signal,
                BOUND,
                () -> noThreadRuns(process.pid()));
    }

    private static boolean noThreadRuns(long pid) {
        try (Stream<Path> tasks = Files.list(Path.of("/proc/" + pid + "/task"))) {
            return tasks.allMatch(task -> "TtZXx".indexOf(stateOf(task)) >= 0);
        } catch (IOException e) {
            return true; // It is gone.
        }
    }

    private static char stateOf(Path task) {
        try {
            String stat = Files.readString(task.resolve("stat"));
            return stat.charAt(stat.lastIndexOf(')') + 2);
        } catch (IOException e) {
            return 'X';
        }
    }
}
