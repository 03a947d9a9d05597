// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** Runs programs of the host, with a bound on the time. */
final class Commands {

    /** What a program said, standard output and standard error each in full. */
    record Result(int status, String output, String errors) {}

    private Commands() {}

    /** The program's path, if it is on the search path or in one of the directories that only root's has. */
    static Optional<Path> find(String program) {
        String path = Optional.ofNullable(System.getenv("PATH")).orElse("")
                + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin";
        for (String directory : path.split(":", -1)) {
            if (!directory.isEmpty()) {
                Path candidate = Path.of(directory, program);
                if (Files.isExecutable(candidate) && !Files.isDirectory(candidate)) {
                    return Optional.of(candidate);
                }
            }
        }
        return Optional.empty();
    }

    /**
     * Runs a program to its end, its messages untranslated.
     *
     * @throws VmException if it cannot be started or takes longer than {@code limit}; it is killed then
     */
    static Result run(Path directory, Duration limit, List<String> command) {
        Path out = null;
        Path err = null;
        try {
            out = Files.createTempFile("dblock-vm-out", ".txt");
            err = Files.createTempFile("dblock-vm-err", ".txt");
            ProcessBuilder builder = new ProcessBuilder(command)
                    .directory(directory == null ? null : directory.toFile())
                    .redirectInput(
                            ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                    .redirectOutput(out.toFile())
                    .redirectError(err.toFile());
            builder.environment().put("LC_ALL", "C");
            builder.environment().put("DEBIAN_FRONTEND", "noninteractive");
            Process process = builder.start();
            try {
                if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
                    throw new VmException("'" + String.join(" ", command) + "' did not end within " + limit.toSeconds()
                            + " s" + said(read(err)));
                }
            } finally {
                process.descendants().forEach(ProcessHandle::destroyForcibly);
                process.destroyForcibly();
            }
            return new Result(process.exitValue(), read(out), read(err));
        } catch (IOException e) {
            throw new VmException("cannot run '" + String.join(" ", command) + "': " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new VmException("interrupted while '" + String.join(" ", command) + "' ran", e);
        } finally {
            delete(out);
            delete(err);
        }
    }

    /** As {@link #run}, and a status other than 0 is an exception with what the program said. */
    static String check(Path directory, Duration limit, List<String> command) {
        Result result = run(directory, limit, command);
        if (result.status() != 0) {
            throw new VmException("'" + String.join(" ", command) + "' failed with status " + result.status()
                    + said(result.errors().isBlank() ? result.output() : result.errors()));
        }
        return result.output();
    }

    private static String said(String text) {
        String[] lines = text.strip().split("\n", -1);
        StringBuilder tail = new StringBuilder();
        for (int i = Math.max(0, lines.length - 15); i < lines.length; i++) {
            tail.append("\n    ").append(lines[i]);
        }
        return text.isBlank() ? "" : ":" + tail;
    }

    private static String read(Path file) throws IOException {
        return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
    }

    private static void delete(Path file) {
        if (file != null) {
            try {
                Files.deleteIfExists(file);
            } catch (IOException ignored) {
                // A temporary file that cannot be deleted hides nothing and harms nobody.
            }
        }
    }
}
