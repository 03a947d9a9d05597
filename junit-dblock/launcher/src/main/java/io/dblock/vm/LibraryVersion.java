// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.Properties;

/** The version of this library. */
public final class LibraryVersion {
    private static final String PROPERTIES = "/META-INF/maven/io.dblock/junit-dblock-cli/pom.properties";

    private LibraryVersion() {}

    /** Returns the version that Maven wrote into the jar; empty if the classes are not in a jar. */
    public static Optional<String> find() {
        try (InputStream stream = LibraryVersion.class.getResourceAsStream(PROPERTIES)) {
            if (stream == null) {
                return Optional.empty();
            }
            Properties properties = new Properties();
            properties.load(stream);
            return Optional.ofNullable(properties.getProperty("version"));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + PROPERTIES + " in this library's jar", e);
        }
    }
}
