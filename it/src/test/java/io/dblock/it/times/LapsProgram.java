// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.times;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;

/**
 * A program in C that makes and destroys a device for each line it is given, and says what each took: for devices that
 * need more than a few system calls. Its times are its own, the way to it is not in them.
 */
final class LapsProgram implements Peer {
    private final List<String> command;
    private final Process process;
    private final BufferedReader answers;
    private final Writer lines;

    /** See {@code it/src/bench/c}; {@code -Pbench} builds them. */
    LapsProgram(String program, String... arguments) throws IOException {
        Path file = Path.of(System.getProperty("dblock.it.bench.programs", "target/bench"), program)
                .toAbsolutePath();
        if (!Files.isExecutable(file)) {
            throw new IOException(file + " is not there: it is built for the benchmark only");
        }
        command = Stream.concat(Stream.of(file.toString()), Arrays.stream(arguments))
                .toList();
        process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        answers = process.inputReader(StandardCharsets.UTF_8);
        lines = process.outputWriter(StandardCharsets.UTF_8);
    }

    @Override
    public Lap lap() throws IOException {
        lines.write('\n');
        lines.flush();
        String answer = answer();
        if (answer == null) {
            throw new IOException(command + " has ended; what it said is on standard error");
        }
        String[] fields = answer.split(" ", -1);
        return new Lap(Long.parseLong(fields[1]), Long.parseLong(fields[2]));
    }

    private String answer() throws IOException {
        CompletableFuture<String> line = CompletableFuture.supplyAsync(() -> {
            try {
                return answers.readLine();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        try {
            return line.get(2, TimeUnit.MINUTES);
        } catch (TimeoutException e) {
            process.destroyForcibly();
            throw new IOException(command + " has not made and destroyed its device within two minutes", e);
        } catch (ExecutionException e) {
            throw new IOException("Cannot read from " + command, e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("Interrupted while waiting for " + command, e);
        }
    }

    @Override
    public void close() {
        try {
            lines.close();
            if (!process.waitFor(1, TimeUnit.MINUTES) || process.exitValue() != 0) {
                throw new AssertionError(command + " has not ended with status 0 within a minute of its last line");
            }
        } catch (IOException e) {
            throw new AssertionError("Cannot end " + command, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("Interrupted while waiting for the end of " + command, e);
        } finally {
            process.destroyForcibly();
        }
    }
}
