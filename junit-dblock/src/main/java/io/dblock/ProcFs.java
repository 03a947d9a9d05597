// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What /proc says of processes and mounts. Below any root, so that tests can bring a tree of their own. */
final class ProcFs {
    private final Path proc;

    ProcFs(Path proc) {
        this.proc = proc;
    }

    /**
     * A line of /proc/&lt;pid&gt;/mountinfo, see proc(5).
     *
     * @param device {@code major:minor}
     */
    record Mount(String device, Path point, String type, String source) {}

    /** When a process started, in clock ticks since boot; empty if there is none of this pid that still lives. */
    Optional<String> startTime(long pid) {
        String stat = read(proc.resolve(Long.toString(pid)).resolve("stat"));
        // The second field is the command in parentheses, which may itself contain any of the separators.
        int end = stat.lastIndexOf(')');
        if (end < 0) {
            return Optional.empty();
        }
        String[] fields = stat.substring(end + 1).strip().split(" ", -1);
        // A zombie is gone, only nobody has asked for its exit status yet.
        boolean alive = !fields[0].equals("Z") && !fields[0].equals("X");
        return alive && fields.length > 19 ? Optional.of(fields[19]) : Optional.empty();
    }

    /** The command line of a process, or its name if it has none. */
    String command(long pid) {
        Path directory = proc.resolve(Long.toString(pid));
        String line = read(directory.resolve("cmdline")).replace('\0', ' ').strip();
        if (line.isEmpty()) {
            line = read(directory.resolve("comm")).strip();
        }
        return line.length() > 120 ? line.substring(0, 120) + "..." : line;
    }

    /** The mounts a process sees; {@code self} may be used for this one. */
    List<Mount> mounts(String pid) {
        List<Mount> mounts = new ArrayList<>();
        for (String line : read(proc.resolve(pid).resolve("mountinfo")).split("\n", -1)) {
            String[] fields = line.split(" ", -1);
            int dash = List.of(fields).indexOf("-");
            if (dash > 5 && fields.length > dash + 2) {
                mounts.add(new Mount(
                        fields[2], Path.of(unescape(fields[4])), fields[dash + 1], unescape(fields[dash + 2])));
            }
        }
        return mounts;
    }

    /** All pids. */
    List<Long> pids() {
        List<Long> pids = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(proc, "[0-9]*")) {
            for (Path entry : entries) {
                pids.add(Long.parseLong(entry.getFileName().toString()));
            }
        } catch (IOException e) {
            // Without /proc nobody can be named; whoever asks says that it found nobody.
        }
        return pids;
    }

    /** Octal escapes of blank, tab, newline and backslash, see proc(5). */
    private static String unescape(String text) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) == '\\'
                    && i + 3 < text.length()
                    && text.substring(i + 1, i + 4).matches("[0-7]{3}")) {
                out.append((char) Integer.parseInt(text.substring(i + 1, i + 4), 8));
                i += 3;
            } else {
                out.append(text.charAt(i));
            }
        }
        return out.toString();
    }

    /** Files of /proc come and go with their process: one that is gone is empty. */
    private static String read(Path file) {
        try {
            return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        } catch (IOException e) {
            return "";
        }
    }

    Path path() {
        return proc;
    }
}
