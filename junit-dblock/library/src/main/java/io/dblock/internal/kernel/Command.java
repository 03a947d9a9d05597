// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import io.dblock.DblockException;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Stream;

/** An external program. It runs in the C locale, to its end or to a time limit, and its output is captured. */
public final class Command {
    /**
     * The system property for how many seconds a program may take. Default 120, which is generous even under emulation.
     */
    public static final String TIMEOUT_PROPERTY = "dblock.commandTimeout";

    /** Directories of programs that the PATH of some users lacks. */
    private static final String ROOTS_PATH = ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin";

    private static final int TAIL_LINES = 15;

    /** The programs that were found. Each directory that is looked into costs a guest a call to the host. */
    private static final Map<String, Path> FOUND = new ConcurrentHashMap<>();

    private final List<String> words;
    private Optional<Path> directory = Optional.empty();
    private Optional<Duration> limit = Optional.empty();

    private Command(List<String> words) {
        this.words = words;
    }

    /** Returns a command of a program and its arguments. */
    public static Command of(List<String> words) {
        return new Command(List.copyOf(words));
    }

    /** Returns a command of a program and its arguments. */
    public static Command of(String... words) {
        return of(List.of(words));
    }

    /** Sets the directory to run in. Default: the current directory. */
    public Command in(Path where) {
        directory = Optional.of(where);
        return this;
    }

    /** Sets how long the program may take. Default {@link #timeout()}. */
    public Command within(Duration most) {
        limit = Optional.of(most);
        return this;
    }

    /**
     * The result of a program.
     *
     * @param exit its exit status
     * @param output its standard output
     * @param errors its standard error if that was kept apart. Otherwise the output includes it, in the order written
     */
    public record Result(int exit, String output, String errors) {
        /** Returns the end of the output, at most so many lines. */
        public String tail(int lines) {
            return Command.tail(output, lines);
        }
    }

    private static String tail(String text, int lines) {
        List<String> all = text.strip().lines().toList();
        return String.join("\n", all.subList(Math.max(0, all.size() - lines), all.size()));
    }

    /** Returns how long a program may take. */
    public static Duration timeout() {
        String value = System.getProperty(TIMEOUT_PROPERTY);
        if (value == null) {
            return Duration.ofMinutes(2);
        }
        try {
            long seconds = Long.parseLong(value);
            if (seconds > 0) {
                return Duration.ofSeconds(seconds);
            }
        } catch (NumberFormatException e) {
            // Reported below, with the value.
        }
        throw new IllegalArgumentException("The system property " + TIMEOUT_PROPERTY + " is \"" + value
                + "\". Allowed: a number of seconds, at least 1.");
    }

    /**
     * Returns where a program is, on the PATH or in a directory that only root's PATH has; empty if it is in none. One that
     * was found is not looked for again.
     */
    public static Optional<Path> find(String program) {
        return find(program, FOUND, name -> find(name, System.getenv().getOrDefault("PATH", "")));
    }

    static Optional<Path> find(String program, Map<String, Path> known, Function<String, Optional<Path>> search) {
        Path before = known.get(program);
        if (before != null) {
            return Optional.of(before);
        }
        Optional<Path> found = search.apply(program);
        found.ifPresent(path -> known.put(program, path));
        return found;
    }

    static Optional<Path> find(String program, String path) {
        return Stream.of((path + ROOTS_PATH).split(":", -1))
                .filter(place -> !place.isEmpty())
                .map(place -> Path.of(place, program))
                .filter(file -> Files.isExecutable(file) && !Files.isDirectory(file))
                .findFirst();
    }

    /** Runs a program in the current directory for at most {@link #timeout()}. The output includes the errors. */
    public static Result run(List<String> words) {
        return of(words).run();
    }

    /**
     * Runs the program. The output includes the errors.
     *
     * @throws DblockException if the program cannot be started, or does not end in time and is killed
     */
    public Result run() {
        return run(true);
    }

    /** Runs the program and keeps errors and output apart. Throws as {@link #run()} does. */
    public Result runApart() {
        return run(false);
    }

    /**
     * Runs the program and returns its output without the errors.
     *
     * @throws DblockException as {@link #run()} does, and if the status is not 0, with what the program printed
     */
    public String output() {
        Result result = runApart();
        if (result.exit() != 0) {
            throw new DblockException(this + " failed with status " + result.exit()
                    + said(result.errors().isBlank() ? result.output() : result.errors()));
        }
        return result.output();
    }

    private Result run(boolean together) {
        ProcessBuilder builder = new ProcessBuilder(words).redirectErrorStream(together);
        builder.environment().put("LC_ALL", "C");
        // A package manager must not ask questions.
        builder.environment().put("DEBIAN_FRONTEND", "noninteractive");
        builder.redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")));
        directory.ifPresent(path -> builder.directory(path.toFile()));
        Process process;
        try {
            process = builder.start();
        } catch (IOException e) {
            throw new DblockException("Cannot run " + this + ": " + e.getMessage() + ".", e);
        }
        Output output = new Output(process.getInputStream());
        Output errors = new Output(process.getErrorStream());
        try {
            Duration most = limit.orElseGet(Command::timeout);
            long deadline = System.nanoTime() + most.toNanos();
            if (!process.waitFor(most.toNanos(), TimeUnit.NANOSECONDS)) {
                throw new DblockException(
                        this + " did not end within " + most.toSeconds() + " s and was killed. Its output so far"
                                + said(output.text() + errors.text())
                                + (limit.isPresent()
                                        ? ""
                                        : "\nIf it only needs longer, set -D" + TIMEOUT_PROPERTY + "=<seconds>."));
            }
            output.await(deadline);
            errors.await(deadline);
            return new Result(process.exitValue(), output.text(), errors.text());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DblockException("Interrupted while waiting for " + this + ".", e);
        } finally {
            // A process that has ended has no descendants any more; to find that out takes a look at all processes.
            if (process.isAlive()) {
                process.descendants().forEach(ProcessHandle::destroyForcibly);
            }
            // Also closes the pipes, which a child that it has left behind may hold.
            process.destroyForcibly();
        }
    }

    private static String said(String text) {
        return text.isBlank()
                ? ": nothing."
                : ":\n" + tail(text, TAIL_LINES).indent(4).stripTrailing();
    }

    /** Returns the command as messages show it. */
    @Override
    public String toString() {
        return "'" + String.join(" ", words) + "'";
    }

    private static final class Output extends Thread {
        private final InputStream in;
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        Output(InputStream in) {
            super("output of a command");
            this.in = in;
            setDaemon(true);
            start();
        }

        @Override
        public void run() {
            byte[] buffer = new byte[8192];
            try {
                for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                    bytes.write(buffer, 0, n);
                }
            } catch (IOException e) {
                // The process was killed; the output read so far stays.
            }
        }

        /**
         * Waits for the end of the pipe, or until no more output comes. A child left in the background may keep the
         * pipe open.
         */
        void await(long deadline) throws InterruptedException {
            int before;
            do {
                before = bytes.size();
                join(Duration.ofSeconds(1).toMillis());
            } while (isAlive() && bytes.size() != before && System.nanoTime() < deadline);
        }

        String text() {
            return bytes.toString(StandardCharsets.UTF_8);
        }
    }
}
