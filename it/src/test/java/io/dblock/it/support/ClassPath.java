// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/** This JVM's class path, for another. */
public final class ClassPath {

    private ClassPath() {}

    /** What these classes were loaded from, and where the module's sources are: all that a JVM of few jars needs. */
    public static String of(Class<?>... types) {
        Set<String> places = new LinkedHashSet<>();
        for (Class<?> type : types) {
            places.add(placeOf(type).toString());
        }
        places.add(moduleSources().toString());
        return String.join(File.pathSeparator, places);
    }

    /** The directory or jar of the module's sources: the library makes no device without, until the module is loaded. */
    public static Path moduleSources() {
        String sources = "io/dblock/internal/module/kmod/dblock.h";
        String url = Objects.requireNonNull(
                        ClassPath.class.getClassLoader().getResource(sources), "no junit-dblock-kmod on the class path")
                .toString();
        return Path.of(URI.create(
                url.startsWith("jar:")
                        ? url.substring("jar:".length(), url.indexOf("!/"))
                        : url.substring(0, url.length() - sources.length())));
    }

    /** The directory or jar that this class was loaded from. */
    public static Path placeOf(Class<?> type) {
        try {
            return Path.of(
                    type.getProtectionDomain().getCodeSource().getLocation().toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    /** A copy of all of it in a directory, which is made; as one text. */
    public static String copyTo(Path directory) throws IOException {
        List<String> copies = new ArrayList<>();
        Files.createDirectories(directory);
        for (String element : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
            if (!element.isEmpty() && Files.exists(Path.of(element))) {
                Path copy =
                        directory.resolve(copies.size() + "-" + Path.of(element).getFileName());
                Commands.run("cp", "-r", element, copy);
                copies.add(copy.toString());
            }
        }
        return String.join(File.pathSeparator, copies);
    }
}
