// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import io.dblock.it.support.Poll;
import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** The JDK's debugger, on this host. */
final class Jdb implements AutoCloseable {

    private static final Duration LIMIT = Duration.ofMinutes(3);

    private final Path output;
    private final Process process;
    private final Writer commands;

    /** Attaches to what listens on this port. */
    Jdb(int port, Path output) throws IOException {
        this.output = output;
        process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin/jdb").toString(), "-attach", "127.0.0.1:" + port)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        commands = process.outputWriter(StandardCharsets.UTF_8);
    }

    /** Waits until it has said this, and fails with what it said instead. */
    void await(String text) {
        Poll.until("'" + text + "' from jdb", LIMIT, () -> {
            if (output().contains(text)) {
                return true;
            }
            if (!process.isAlive() && !output().contains(text)) {
                throw new AssertionError("jdb ended before it said '" + text + "':\n" + output());
            }
            return false;
        });
    }

    void say(String command) throws IOException {
        commands.write(command + "\n");
        commands.flush();
    }

    String output() throws IOException {
        return Files.readString(output, StandardCharsets.UTF_8);
    }

    void awaitEnd() throws InterruptedException, IOException {
        if (!process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
            throw new AssertionError("jdb did not end within " + LIMIT + " after its program:\n" + output());
        }
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
