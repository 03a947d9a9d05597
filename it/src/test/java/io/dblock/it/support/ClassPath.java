// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** This JVM's class path, for another. */
public final class ClassPath {

    private ClassPath() {}

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
