// SPDX-License-Identifier: Apache-2.0
package io.dblock.server.process;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What /proc says of a process. */
final class ProcessState {
    private static final int STATE = 0;
    private static final int START_TIME = 19;

    private ProcessState() {}

    /** Its state as ps(1) shows it, such as S, T (stopped) or Z (dead); X if there is none. */
    static char of(long pid) {
        String[] fields = fields(pid);
        return fields.length == 0 ? 'X' : fields[STATE].charAt(0);
    }

    /** What tells it from a later process with the same pid; empty if there is none. */
    static String startTime(long pid) {
        String[] fields = fields(pid);
        return fields.length == 0 ? "" : fields[START_TIME];
    }

    /** The fields of its stat file from the third on: the second, its name, may have blanks in it. */
    private static String[] fields(long pid) {
        try {
            String stat = Files.readString(Path.of("/proc", Long.toString(pid), "stat"));
            return stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        } catch (IOException e) {
            return new String[0];
        }
    }
}
