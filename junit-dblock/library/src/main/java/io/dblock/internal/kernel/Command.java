// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import io.dblock.DblockException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.Charset;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** An external program, run to its end or a time limit, in the C locale, with its output captured. */
public final class Command {
    /**
     * The system property for how many seconds a program may take; default 120, which is generous even under emulation.
     */
    public static final String TIMEOUT_PROPERTY = "dblock.commandTimeout";

    private Command() {}

    /**
     * The result of a program.
     *
     * @param exit its exit status
     * @param output what it wrote to standard output and error, in that order
     */
    public record Result(int exit, String output) {
        /** Returns the last lines of the output, at most this many. */
        public String tail(int lines) {
            List<String> all = output.strip().lines().toList();
            return String.join("\n", all.subList(Math.max(0, all.size() - lines), all.size()));
        }
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

    /** Runs a program in the current directory for at most {@link #timeout()}. */
    public static Result run(List<String> command) {
        return run(command, Optional.empty(), timeout());
    }

    /**
     * Runs a program.
     *
     * @throws DblockException if the program cannot be started, or does not end in time and is killed
     */
    public static Result run(List<String> command, Optional<Path> directory, Duration limit) {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("LC_ALL", "C");
        builder.redirectInput(ProcessBuilder.Redirect.from(new java.io.File("/dev/null")));
        directory.ifPresent(path -> builder.directory(path.toFile()));
        Process process;
        try {
            process = builder.start();
        } catch (IOException e) {
            throw new DblockException("Cannot run " + String.join(" ", command) + ": " + e.getMessage() + ".", e);
        }
        Output output = new Output(process.getInputStream());
        output.start();
        try {
            if (!process.waitFor(limit.toNanos(), TimeUnit.NANOSECONDS)) {
                throw new DblockException(String.join(" ", command) + " did not end within " + limit.toSeconds()
                        + " s and was killed. Its output so far: " + output.text() + "\nIf it only needs longer, set -D"
                        + TIMEOUT_PROPERTY + "=<seconds>.");
            }
            // A child left in the background may keep the pipe open; what was written until now counts.
            output.join(Duration.ofSeconds(1).toMillis());
            return new Result(process.exitValue(), output.text());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DblockException("Interrupted while waiting for " + String.join(" ", command) + ".", e);
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
    }

    private static final class Output extends Thread {
        private final InputStream in;
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        Output(InputStream in) {
            super("output of a command");
            this.in = in;
            setDaemon(true);
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

        String text() {
            return bytes.toString(Charset.defaultCharset());
        }
    }
}
