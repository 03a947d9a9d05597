// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs the programs the tests need, each within a bound. */
public final class Commands {

    /** Under emulation everything is slow: an upper bound, not an expectation. */
    private static final Duration LIMIT = Duration.ofMinutes(15);

    private Commands() {}

    /** What a program said and how it ended. */
    public record Result(List<String> command, int status, String output) {

        /** Its output, if it ended with status 0. */
        public String orFail() {
            if (status != 0) {
                throw new AssertionError(String.join(" ", command) + " ended with status " + status + ":\n" + output);
            }
            return output;
        }
    }

    /** Runs it and returns its output, stdout and stderr together; fails unless it ends with status 0. */
    public static String run(Object... command) {
        return tryRun(command).orFail();
    }

    /** Runs it and returns what came of it. */
    public static Result tryRun(Object... command) {
        List<String> words = Arrays.stream(command).map(Object::toString).toList();
        try {
            Path output = Files.createTempFile("it-command", ".out");
            try {
                Process process = new ProcessBuilder(words)
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .redirectInput(ProcessBuilder.Redirect.from(
                                Path.of("/dev/null").toFile()))
                        .start();
                if (!process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
                    process.destroyForcibly();
                    throw new AssertionError(String.join(" ", words) + " did not end within " + LIMIT + ":\n"
                            + Files.readString(output, StandardCharsets.UTF_8));
                }
                return new Result(words, process.exitValue(), Files.readString(output, StandardCharsets.UTF_8));
            } finally {
                Files.deleteIfExists(output);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot run " + words, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("Interrupted while running " + words, e);
        }
    }
}
