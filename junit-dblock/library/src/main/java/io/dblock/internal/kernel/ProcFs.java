// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/** What /proc says about processes, tasks and mounts. Works below any root, so that tests can use their own tree. */
public final class ProcFs {
    private static final Pattern BLANKS = Pattern.compile(" +");
    private static final int MAPS_PATH = 5;

    private final Path proc;

    /** Reads what is mounted at {@code proc}. */
    public ProcFs(Path proc) {
        this.proc = proc;
    }

    /**
     * A line of /proc/&lt;pid&gt;/mountinfo, see proc(5).
     *
     * @param device {@code major:minor}
     */
    public record Mount(String device, KernelPath point, String type, String source) {}

    /** Returns when a process started, in clock ticks since boot; empty if no living process has this pid. */
    public Optional<String> startTime(long pid) {
        String stat = read(proc.resolve(Long.toString(pid)).resolve("stat"));
        // The second field is the command in parentheses, which may itself contain the separators.
        int end = stat.lastIndexOf(')');
        if (end < 0) {
            return Optional.empty();
        }
        String[] fields = stat.substring(end + 1).strip().split(" ", -1);
        // A zombie has ended; only its exit status has not been read yet.
        boolean alive = !fields[0].equals("Z") && !fields[0].equals("X");
        return alive && fields.length > 19 ? Optional.of(fields[19]) : Optional.empty();
    }

    /** Returns the arguments of a process, the program first; empty if it is gone or has none. */
    public List<String> arguments(long pid) {
        String line = read(proc.resolve(Long.toString(pid)).resolve("cmdline"));
        // Each argument ends with a zero byte, including the last one.
        return line.isEmpty() ? List.of() : List.of(line.split("\0", 0));
    }

    /** Returns the command line of a process, or its name if it has none. */
    public String command(long pid) {
        Path directory = proc.resolve(Long.toString(pid));
        String line = read(directory.resolve("cmdline")).replace('\0', ' ').strip();
        if (line.isEmpty()) {
            line = read(directory.resolve("comm")).strip();
        }
        return line.length() > 120 ? line.substring(0, 120) + "..." : line;
    }

    /** Returns the mounts that a process sees; {@code self} is this process. */
    public List<Mount> mounts(String pid) {
        List<Mount> mounts = new ArrayList<>();
        for (List<String> fields : mountInfo(pid)) {
            int dash = fields.indexOf("-");
            mounts.add(new Mount(
                    fields.get(2),
                    new KernelPath(unescape(fields.get(4))),
                    fields.get(dash + 1),
                    new KernelPath(unescape(fields.get(dash + 2))).toString()));
        }
        return mounts;
    }

    /**
     * The options of the mount that a file is on, for this process: those of the mount itself, of which {@code noexec} is one, and
     * not those of its filesystem.
     *
     * @param file without symbolic links
     */
    public List<String> mountOptions(Path file) {
        KernelPath path = KernelPath.of(file);
        KernelPath found = null;
        List<String> options = List.of();
        for (List<String> fields : mountInfo("self")) {
            KernelPath point = new KernelPath(unescape(fields.get(4)));
            // Of two at one point, the later one covers the other.
            if (path.isIn(point) && (found == null || point.isIn(found))) {
                found = point;
                options = List.of(fields.get(5).split(",", -1));
            }
        }
        return options;
    }

    /** The fields of each line. */
    private List<List<String>> mountInfo(String pid) {
        // A character for each byte: others mount where they like, also where this JVM's locale has no Path for.
        return new String(bytes(proc.resolve(pid).resolve("mountinfo")), StandardCharsets.ISO_8859_1)
                .lines()
                .map(line -> List.of(line.split(" ", -1)))
                .filter(fields -> fields.indexOf("-") > 5 && fields.size() > fields.indexOf("-") + 2)
                .toList();
    }

    /** All pids. */
    public List<Long> pids() {
        List<Long> pids = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(proc, "[0-9]*")) {
            for (Path entry : entries) {
                pids.add(Long.parseLong(entry.getFileName().toString()));
            }
        } catch (IOException e) {
            // Without /proc no process can be named; the caller reports that it found none.
        }
        return pids;
    }

    /**
     * A task, which is what the kernel calls a thread.
     *
     * @param state as in proc(5): R runs, S sleeps and can be woken by a signal, D sleeps and cannot, T is stopped, Z is dead
     */
    public record Task(long pid, long tid, String name, char state) {
        /** Returns whether the task waits in the kernel and no signal ends the wait. */
        public boolean isUninterruptible() {
            return state == 'D';
        }
    }

    /** Returns the current tasks of a process; empty if it is gone. */
    public List<Task> tasks(long pid) {
        List<Task> tasks = new ArrayList<>();
        try (DirectoryStream<Path> entries =
                Files.newDirectoryStream(proc.resolve(Long.toString(pid)).resolve("task"), "[0-9]*")) {
            for (Path entry : entries) {
                task(pid, Long.parseLong(entry.getFileName().toString())).ifPresent(tasks::add);
            }
        } catch (IOException e) {
            // The process has ended.
        }
        return tasks;
    }

    /** Returns this task, unless it is gone. */
    public Optional<Task> task(long pid, long tid) {
        String stat = read(directory(pid, tid).resolve("stat"));
        int begin = stat.indexOf('(');
        int end = stat.lastIndexOf(')');
        if (begin < 0 || end + 2 >= stat.length()) {
            return Optional.empty();
        }
        return Optional.of(new Task(pid, tid, stat.substring(begin + 1, end), stat.charAt(end + 2)));
    }

    /**
     * Returns how often a task has been switched out: while that does not change, the task is where it was. 0 if it is
     * gone.
     */
    public long switches(Task task) {
        return read(directory(task.pid(), task.tid()).resolve("status"))
                .lines()
                .filter(line -> line.contains("ctxt_switches:"))
                .mapToLong(line ->
                        Long.parseLong(line.substring(line.indexOf(':') + 1).strip()))
                .sum();
    }

    /**
     * Returns where in the kernel a task waits, the innermost function first; one function, or none, unless this is
     * root.
     */
    public List<String> kernelStack(Task task) {
        Path directory = directory(task.pid(), task.tid());
        String stack = read(directory.resolve("stack"));
        if (stack.isBlank()) {
            String function = read(directory.resolve("wchan")).strip();
            return function.isEmpty() || function.equals("0") ? List.of() : List.of(function);
        }
        return stack.lines()
                .map(line -> line.startsWith("[<") ? line.substring(line.indexOf("]") + 1) : line)
                .map(String::strip)
                .toList();
    }

    private Path directory(long pid, long tid) {
        return proc.resolve(Long.toString(pid)).resolve("task").resolve(Long.toString(tid));
    }

    /** Decodes the octal escapes of blank, tab, newline and backslash, see proc(5). */
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

    /** Files of /proc come and go with their process: a missing file is empty. */
    private static String read(Path file) {
        return new String(bytes(file), StandardCharsets.UTF_8);
    }

    private static byte[] bytes(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            return new byte[0];
        }
    }

    /**
     * Returns the files that a process maps, with paths as in this JVM; empty if it is gone, or belongs to another user
     * and we are not root.
     */
    List<String> mapped(long pid) {
        return KernelPath.shown(bytes(proc.resolve(Long.toString(pid)).resolve("maps")))
                .lines()
                .map(line -> BLANKS.split(line, MAPS_PATH + 1))
                .filter(fields -> fields.length > MAPS_PATH)
                .map(fields -> fields[MAPS_PATH])
                .toList();
    }

    Path path() {
        return proc;
    }
}
