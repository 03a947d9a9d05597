// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.internal.module.ServerArchive;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Makes the {@link ServerArchive} for a guest's server process on the host while the guest runs. It takes some seconds
 * there, and an archive made in the guest would be gone with the guest. An archive that is not complete when this is closed
 * is deleted. Failures are ignored, because a server process also starts without an archive.
 */
final class ServerArchiveBuild implements AutoCloseable {
    private static final int KEPT = 8;
    private static final Pattern LIBRARY = jar("junit-dblock");
    private static final Pattern JNA = jar("jna");

    /** A build that does nothing. */
    private static final ServerArchiveBuild NONE = new ServerArchiveBuild(null, null, null);

    private final Process process;
    private final Path unfinished;
    private final Path archive;

    private ServerArchiveBuild(Process process, Path unfinished, Path archive) {
        this.process = process;
        this.unfinished = unfinished;
        this.archive = archive;
    }

    private static Pattern jar(String name) {
        return Pattern.compile("/[^:;\\s\"'=]*/" + name + "-[0-9][^/:;\\s\"']*\\.jar");
    }

    /**
     * Begins to make the archive if it does not exist.
     *
     * @param texts the texts to search for the jars of the server process: those of the test JVM's command line
     */
    static ServerArchiveBuild begin(Path cache, Path javaHome, Collection<String> texts) {
        Optional<Path> library = first(LIBRARY, texts);
        Optional<Path> jna = first(JNA, texts);
        if (library.isEmpty() || jna.isEmpty()) {
            return NONE;
        }
        List<Path> classPath = List.of(library.get(), jna.get());
        Optional<Path> archive = ServerArchive.place(cache, javaHome, classPath).filter(place -> !Files.exists(place));
        if (archive.isEmpty()) {
            return NONE;
        }
        try {
            Path directory = Files.createDirectories(archive.get().getParent());
            removeOld(directory);
            // Two launchers at once each make an archive; the last one replaces the other.
            Path unfinished = Files.createTempFile(directory, "new", "");
            Files.delete(unfinished); // The JVM must create the file itself.
            Process process = new ProcessBuilder(command(javaHome, classPath, unfinished))
                    .directory(directory.toFile())
                    .redirectInput(new File("/dev/null"))
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            return new ServerArchiveBuild(process, unfinished, archive.get());
        } catch (IOException e) {
            return NONE;
        }
    }

    private static Optional<Path> first(Pattern jar, Collection<String> texts) {
        for (String text : texts) {
            Matcher matcher = jar.matcher(text);
            if (matcher.find()) {
                return Optional.of(Path.of(matcher.group()));
            }
        }
        return Optional.empty();
    }

    static List<String> command(Path javaHome, List<Path> classPath, Path unfinished) {
        List<String> command = new ArrayList<>(List.of("setpriv", "--pdeathsig", "KILL"));
        command.add(javaHome.resolve("bin/java").toString());
        command.addAll(List.of("-XX:ArchiveClassesAtExit=" + unfinished, "-XX:+UseSerialGC", "-XX:-UsePerfData"));
        command.addAll(List.of("-XX:+IgnoreUnrecognizedVMOptions", "--enable-native-access=ALL-UNNAMED"));
        command.addAll(List.of("-cp", classPath.get(0) + ":" + classPath.get(1)));
        command.addAll(List.of("io.dblock.internal.remote.ServerMain", "rehearse"));
        return command;
    }

    /** Deletes the oldest archives: each change of a jar leads to a new one. */
    private static void removeOld(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            for (Path old : files.sorted(
                            Comparator.comparing(ServerArchiveBuild::time).reversed())
                    .skip(KEPT - 1)
                    .toList()) {
                Files.deleteIfExists(old);
            }
        }
    }

    private static FileTime time(Path file) {
        try {
            return Files.getLastModifiedTime(file);
        } catch (IOException e) {
            return FileTime.fromMillis(0); // Another process has deleted it.
        }
    }

    /** Returns the process that makes the archive; empty if there is nothing to make, or it could not be started. */
    Optional<Process> process() {
        return Optional.ofNullable(process);
    }

    @Override
    public void close() {
        if (process == null) {
            return;
        }
        boolean done = !process.isAlive() && process.exitValue() == 0;
        process.destroyForcibly();
        try {
            if (done && Files.isRegularFile(unfinished)) {
                Files.move(unfinished, archive, StandardCopyOption.ATOMIC_MOVE);
            } else {
                process.waitFor();
                Files.deleteIfExists(unfinished);
            }
        } catch (IOException e) {
            // There is no archive then.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
