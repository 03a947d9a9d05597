// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.internal.module.ServerArchive;
import io.dblock.internal.remote.ServerMain;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests that the archive of the server's classes is made, found and used, and that a bad archive does no harm. */
@Timeout(300)
class ServerArchiveBuildTest {
    private static final Path JAVA_HOME = Path.of(System.getProperty("java.home"));
    private static final Path JNA = placeOf(com.sun.jna.Native.class);

    @TempDir
    static Path jars;

    private static Path library;

    @TempDir
    Path cache;

    private static Path placeOf(Class<?> type) {
        return Path.of(type.getProtectionDomain().getCodeSource().getLocation().getPath());
    }

    /** Makes a jar of the library, because a JVM archives no classes from directories. */
    @BeforeAll
    static void packLibrary() throws IOException {
        Path classes = placeOf(ServerMain.class);
        library = jars.resolve("junit-dblock-1.0.jar");
        if (Files.isRegularFile(classes)) {
            Files.copy(classes, library);
            return;
        }
        try (OutputStream out = Files.newOutputStream(library);
                JarOutputStream jar = new JarOutputStream(out);
                Stream<Path> files = Files.walk(classes)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                jar.putNextEntry(new JarEntry(classes.relativize(file).toString()));
                Files.copy(file, jar);
            }
        }
    }

    private ServerArchiveBuild begin(Path where) {
        return ServerArchiveBuild.begin(
                where, JAVA_HOME, List.of("-ea", "-cp", "/x/y.jar:" + library + ":" + JNA + ":/z.jar"));
    }

    private Optional<Path> archive() {
        return ServerArchive.place(cache, JAVA_HOME, List.of(library, JNA)).filter(Files::exists);
    }

    private static void await(ServerArchiveBuild build) throws InterruptedException {
        Process process = build.process().orElseThrow();
        assertThat(process.waitFor(120, TimeUnit.SECONDS))
                .as("the archive is made within 120 s")
                .isTrue();
        assertThat(process.exitValue()).isZero();
    }

    private void make() throws InterruptedException {
        try (ServerArchiveBuild build = begin(cache)) {
            await(build);
        }
    }

    /** Returns the source of this class as the JVM of a server process logs it, with this cache. */
    private String sourceOf(String type) throws Exception {
        Path log = cache.resolve("classes.log");
        // The tests' own JVM has the library's classes in a directory, so another JVM is started with the jars.
        ProcessBuilder builder = new ProcessBuilder(List.of(
                JAVA_HOME.resolve("bin/java").toString(),
                "-cp",
                String.join(
                        File.pathSeparator,
                        library.toString(),
                        JNA.toString(),
                        placeOf(getClass()).toString()),
                "io.dblock.internal.remote.OneServer"));
        builder.environment().put("DBLOCK_CACHE", cache.toString());
        builder.environment().put("DBLOCK_SERVER_OPTIONS", "-Xlog:class+load:file=" + log);
        Path output = cache.resolve("output");
        Process process = builder.redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        assertThat(process.waitFor(120, TimeUnit.SECONDS))
                .as("a server has started and ended within 120 s")
                .isTrue();
        assertThat(Files.readString(output).lines())
                .filteredOn(line -> !line.contains("cannot lock its memory"))
                .containsExactly("served");
        return Files.readAllLines(log).stream()
                .filter(line -> line.contains(" " + type + " "))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void theServerTakesItsClassesFromTheArchiveThatWasMade() throws Exception {
        assertThat(sourceOf("io.dblock.internal.remote.CommandServer")).contains("source: file:");
        make();
        assertThat(archive()).isPresent();
        assertThat(sourceOf("io.dblock.internal.remote.CommandServer")).contains("shared objects file (top)");
    }

    @Test
    void oneThatIsDamagedIsPassedOverInSilence() throws Exception {
        make();
        Path archive = archive().orElseThrow();
        Files.delete(archive);
        Files.write(archive, new byte[5000]);
        assertThat(sourceOf("io.dblock.internal.remote.CommandServer")).contains("source: file:");
    }

    @Test
    void oneOfOtherJarsIsPassedOverInSilence() throws Exception {
        make();
        Path archive = archive().orElseThrow();
        FileTime before = Files.getLastModifiedTime(library);
        try {
            Files.setLastModifiedTime(library, FileTime.fromMillis(before.toMillis() - 100_000));
            assertThat(archive()).as("another jar has another archive").isEmpty();
            Files.move(
                    archive,
                    ServerArchive.place(cache, JAVA_HOME, List.of(library, JNA)).orElseThrow());
            assertThat(sourceOf("io.dblock.internal.remote.CommandServer")).contains("source: file:");
        } finally {
            Files.setLastModifiedTime(library, before);
        }
    }

    @Test
    void itIsMadeOnce() throws Exception {
        make();
        try (ServerArchiveBuild again = begin(cache)) {
            assertThat(again.process()).isEmpty();
        }
    }

    @Test
    void twoAtOnceMakeOne() throws Exception {
        try (ServerArchiveBuild one = begin(cache);
                ServerArchiveBuild other = begin(cache)) {
            await(one);
            await(other);
        }
        try (Stream<Path> files = Files.list(archive().orElseThrow().getParent())) {
            assertThat(files).hasSize(1);
        }
        assertThat(sourceOf("io.dblock.internal.remote.CommandServer")).contains("shared objects file (top)");
    }

    @Test
    void whatIsNotDoneAtTheEndIsGivenUpAndLeavesNothing() throws Exception {
        Process process;
        try (ServerArchiveBuild build = begin(cache)) {
            process = build.process().orElseThrow();
        }
        assertThat(process.isAlive()).isFalse();
        try (Stream<Path> files = Files.list(cache.resolve("server-classes"))) {
            assertThat(files).isEmpty();
        }
    }

    @Test
    void whereItCannotBeWrittenThereIsNone() throws Exception {
        Path file = Files.createFile(cache.resolve("file"));
        try (ServerArchiveBuild build = begin(file)) {
            assertThat(build.process()).isEmpty();
        }
    }

    @Test
    void aClassPathWithoutTheLibrarysJarHasNone() {
        for (String path :
                List.of("/a/classes:" + JNA, library.toString(), "/m2/junit-dblock-cli-1.0-all.jar:" + JNA)) {
            try (ServerArchiveBuild build = ServerArchiveBuild.begin(cache, JAVA_HOME, List.of("-cp", path))) {
                assertThat(build.process()).as(path).isEmpty();
            }
        }
        assertThat(ServerArchive.place(cache, JAVA_HOME, List.of(jars, JNA))).isEmpty();
    }

    @Test
    void onlyTheNewestAreKept() throws Exception {
        Path directory = Files.createDirectories(cache.resolve("server-classes"));
        List<Path> old = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            Path file = Files.createFile(directory.resolve(i + ".jsa"));
            Files.setLastModifiedTime(file, FileTime.fromMillis(1_000_000L * (i + 1)));
            old.add(file);
        }
        make();
        assertThat(archive()).isPresent();
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files.sorted(Comparator.naturalOrder()))
                    .hasSize(8)
                    .containsAll(old.subList(3, 10))
                    .contains(archive().get());
        }
    }
}
