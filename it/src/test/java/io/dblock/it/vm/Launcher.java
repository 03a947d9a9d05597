// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import io.dblock.it.support.LauncherCommand;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Starts {@code io.dblock.cli.Main} as a user would, as a process of its own in a directory of its own, which has a
 * {@code target} that the guest may write to.
 */
final class Launcher {

    private static final Duration LIMIT = Duration.ofMinutes(5);

    /** How a launcher ended and what it said. */
    record Result(int status, String errors, Path stdout) {

        String output() {
            try {
                return Files.readString(stdout, StandardCharsets.UTF_8);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private final Path directory;

    private final Map<String, String> guest;

    /** Of guests that are chosen by what each command says. */
    Launcher(String name) throws IOException {
        this(name, Map.of());
    }

    /**
     * Its directory is made afresh below {@code target} of this module.
     *
     * @param guest the environment that says which guest it starts
     */
    Launcher(String name, Map<String, String> guest) throws IOException {
        this.directory =
                Files.createDirectories(Path.of("target/vm-it").toAbsolutePath().resolve(name));
        this.guest = guest;
        Files.createDirectories(directory.resolve("target"));
    }

    Path directory() {
        return directory;
    }

    /** Runs the command in a guest, to the end. */
    Result run(Map<String, String> environment, Path stdin, String... command) throws Exception {
        List<String> words = new ArrayList<>(List.of("vm", "run", "--"));
        words.addAll(Arrays.asList(command));
        return finish(start(environment, stdin, words.toArray(String[]::new)), String.join(" ", command));
    }

    /** Starts the launcher with these arguments of its own. */
    Process start(Map<String, String> environment, Path stdin, String... arguments) throws IOException {
        return startBelow(List.of(), environment, stdin, arguments);
    }

    /** As {@link #start}, by way of another command that is given the launcher's as its arguments. */
    Process startBelow(List<String> starter, Map<String, String> environment, Path stdin, String... arguments)
            throws IOException {
        List<String> words = new ArrayList<>(starter);
        words.addAll(LauncherCommand.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(words)
                .directory(directory.toFile())
                .redirectInput(stdin.toFile())
                .redirectOutput(directory.resolve("stdout").toFile())
                .redirectError(directory.resolve("stderr").toFile());
        builder.environment().putAll(guest);
        builder.environment().putAll(environment);
        return builder.start();
    }

    Result finish(Process process, String what) throws Exception {
        try {
            if (!process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
                throw new AssertionError("'" + what + "' in a guest did not end within " + LIMIT + ":\n" + errors());
            }
        } finally {
            process.destroyForcibly();
        }
        return new Result(process.exitValue(), errors(), directory.resolve("stdout"));
    }

    /** What the launcher and the command wrote to standard error so far. */
    String errors() throws IOException {
        return Files.readString(directory.resolve("stderr"), StandardCharsets.ISO_8859_1);
    }

    String output() throws IOException {
        return Files.readString(directory.resolve("stdout"), StandardCharsets.ISO_8859_1);
    }

    /**
     * The processes of the guests that this launcher started, wherever they are now: each has the directory of its guest, which
     * is called by the launcher's process id, among its arguments or as the place of memory it has mapped. Others run guests,
     * too, and a kernel that is a program has processes that are called like those of any other.
     */
    static List<ProcessHandle> guestsOf(long launcher) {
        String mark = "/dblock-vm-" + launcher + "-";
        return ProcessHandle.allProcesses()
                .filter(process -> process.pid() != launcher)
                .filter(process -> mentions(process, "cmdline", mark) || mentions(process, "maps", mark))
                .toList();
    }

    private static boolean mentions(ProcessHandle process, String file, String mark) {
        try {
            Path path = Path.of("/proc", Long.toString(process.pid()), file);
            return Files.readString(path, StandardCharsets.ISO_8859_1).contains(mark);
        } catch (IOException ended) {
            return false;
        }
    }
}
