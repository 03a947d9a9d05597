// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.bench;

import io.dblock.it.support.Poll;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A program in the background, ended by SIGTERM. */
final class Program implements AutoCloseable {

    private static final Duration LIMIT = Duration.ofMinutes(2);

    private final List<String> command;
    private final Path output;
    private final Process process;

    Program(Object... command) throws IOException {
        this.command = Arrays.stream(command).map(Object::toString).toList();
        output = Files.createTempFile("bench-program", ".out");
        process = new ProcessBuilder(this.command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .redirectInput(Path.of("/dev/null").toFile())
                .start();
    }

    /** Waits until this exists. */
    void await(Path file) {
        Poll.until(file + " to appear", LIMIT, () -> {
            if (!process.isAlive()) {
                throw new AssertionError(this + " has ended with status " + process.exitValue() + ":\n" + said());
            }
            return Files.exists(file);
        });
    }

    /** The node that it says, when the node is there. */
    Path awaitNode() throws IOException {
        Poll.until(this + " to say its node", LIMIT, () -> {
            if (!process.isAlive()) {
                throw new AssertionError(this + " has ended with status " + process.exitValue() + ":\n" + said());
            }
            return said().startsWith("/dev/") && said().contains("\n");
        });
        Path node = Path.of(said().split("[:\n]", 2)[0]);
        await(node);
        return node;
    }

    private String said() throws IOException {
        return Files.readString(output);
    }

    @Override
    public void close() throws IOException {
        process.destroy();
        try {
            if (!process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
                throw new AssertionError(this + " has not ended within " + LIMIT + " of SIGTERM:\n" + said());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("Interrupted while waiting for the end of " + this, e);
        } finally {
            process.destroyForcibly();
            Files.deleteIfExists(output);
        }
    }

    @Override
    public String toString() {
        return String.join(" ", command);
    }
}
