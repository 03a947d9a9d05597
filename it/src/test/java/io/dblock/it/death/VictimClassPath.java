// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import com.sun.jna.Native;
import io.dblock.BlockDevice;
import io.dblock.it.support.ClassPath;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** As few classes as a victim needs: the shorter the way, the faster it starts. */
final class VictimClassPath {

    /**
     * Neither of them lives long: compiled code would be thrown away before it has paid, and in an emulated machine it is
     * dear, for it is translated once more. Half of a round's time was that.
     */
    private static final List<String> SHORT_LIVED = List.of(
            "-XX:TieredStopAtLevel=1", "-XX:CompileThresholdScaling=100", "-XX:+UseSerialGC", "-XX:-UsePerfData");

    private final List<Path> jars;
    private final Path archive;
    /** Of the server process, which has a shorter class path. */
    private final Path serverArchive;

    private VictimClassPath(List<Path> jars, Path directory) {
        this.jars = jars;
        archive = directory.resolve("classes.jsa");
        serverArchive = directory.resolve("server.jsa");
    }

    /** Everything in jars, for the JVM shares no classes of directories. */
    static VictimClassPath make() throws IOException {
        Path directory = Files.createTempDirectory("victim");
        List<Path> jars = new ArrayList<>();
        for (Class<?> type : List.of(Victim.class, BlockDevice.class, Native.class)) {
            jars.add(jar(ClassPath.placeOf(type), directory.resolve(type.getSimpleName() + ".jar")));
        }
        jars.add(jar(ClassPath.moduleSources(), directory.resolve("module-sources.jar")));
        return new VictimClassPath(jars, directory);
    }

    /** Of a victim and its server that write their classes to archives when they end; later ones share them. */
    Options archiving() {
        return new Options(concat(classPath(), archiving(archive)), concat(SHORT_LIVED, archiving(serverArchive)));
    }

    /** Of a victim, and of its server. */
    Options options() {
        return new Options(concat(classPath(), sharing(archive)), concat(SHORT_LIVED, sharing(serverArchive)));
    }

    /** Whether they have been written. */
    boolean hasArchives() {
        return Files.exists(archive) && Files.exists(serverArchive);
    }

    /** Of two JVMs. */
    record Options(List<String> victim, List<String> server) {}

    private List<String> classPath() {
        return concat(
                SHORT_LIVED, List.of("-cp", jars.stream().map(Path::toString).collect(Collectors.joining(":"))));
    }

    private static List<String> archiving(Path file) {
        return List.of("-XX:ArchiveClassesAtExit=" + file, "-Xlog:cds=off", "-Xlog:cds+dynamic=off");
    }

    private static List<String> sharing(Path file) {
        return Files.exists(file) ? List.of("-XX:SharedArchiveFile=" + file) : List.of();
    }

    private static List<String> concat(List<String> some, List<String> more) {
        return Stream.concat(some.stream(), more.stream()).toList();
    }

    private static Path jar(Path place, Path packed) throws IOException {
        return Files.isDirectory(place) ? pack(place, packed) : place;
    }

    private static Path pack(Path directory, Path jar) throws IOException {
        try (OutputStream file = Files.newOutputStream(jar);
                JarOutputStream out = new JarOutputStream(file);
                Stream<Path> files = Files.walk(directory)) {
            out.setLevel(0);
            for (Path path : files.filter(Files::isRegularFile).toList()) {
                out.putNextEntry(new JarEntry(directory.relativize(path).toString()));
                Files.copy(path, out);
                out.closeEntry();
            }
        }
        return jar;
    }
}
