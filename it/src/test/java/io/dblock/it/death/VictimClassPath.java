// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import com.sun.jna.Native;
import io.dblock.BlockDevice;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URISyntaxException;
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

    private final List<Path> jars;
    private final Path archive;

    private VictimClassPath(List<Path> jars, Path archive) {
        this.jars = jars;
        this.archive = archive;
    }

    /** Everything in jars, for the JVM shares no classes of directories. */
    static VictimClassPath make() throws IOException {
        Path directory = Files.createTempDirectory("victim");
        List<Path> jars = new ArrayList<>();
        for (Class<?> type : List.of(Victim.class, BlockDevice.class, Native.class)) {
            Path place = placeOf(type);
            jars.add(Files.isDirectory(place) ? pack(place, directory.resolve(type.getSimpleName() + ".jar")) : place);
        }
        return new VictimClassPath(jars, directory.resolve("classes.jsa"));
    }

    /** The options that have a JVM write its classes to an archive when it ends; later ones share them. */
    List<String> archiving() {
        return List.of("-XX:ArchiveClassesAtExit=" + archive, "-Xlog:cds=off", "-Xlog:cds+dynamic=off");
    }

    List<String> options() {
        List<String> options = new ArrayList<>();
        options.add("-cp");
        options.add(jars.stream().map(Path::toString).collect(Collectors.joining(":")));
        if (Files.exists(archive)) {
            options.add("-XX:SharedArchiveFile=" + archive);
        }
        return options;
    }

    private static Path placeOf(Class<?> type) {
        try {
            return Path.of(
                    type.getProtectionDomain().getCodeSource().getLocation().toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
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
