// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.module;

import io.dblock.DblockException;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.HexFormat;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.stream.Stream;

/** The module's sources, as they are in the jar. */
final class ModuleSources {
    private static final String AT = "io/dblock/internal/module/kmod";

    private final SortedMap<String, byte[]> files;

    ModuleSources(SortedMap<String, byte[]> files) {
        this.files = files;
    }

    /** Returns the sources on the class path, from a jar or a directory. */
    static ModuleSources fromClassPath() {
        // By the loader: the sources are in a jar, and so perhaps a module, of their own.
        URL header = ModuleSources.class.getClassLoader().getResource(AT + "/dblock.h");
        if (header == null) {
            throw new DblockException("The module's sources (" + AT
                    + ") are not on the class path: this build of junit-dblock is incomplete.");
        }
        try {
            URI uri = header.toURI();
            if (!uri.getScheme().equals("jar")) {
                return read(Path.of(uri).getParent());
            }
            Path jar = Path.of(URI.create(uri.getRawSchemeSpecificPart().split("!", 2)[0]));
            return readJar(jar.toFile());
        } catch (URISyntaxException | IOException e) {
            throw new DblockException("Cannot read the module's sources at " + header + ": " + e, e);
        }
    }

    static ModuleSources read(Path directory) throws IOException {
        SortedMap<String, byte[]> files = new TreeMap<>();
        try (Stream<Path> walk = Files.walk(directory)) {
            for (Path file : (Iterable<Path>) walk.filter(Files::isRegularFile)::iterator) {
                try (InputStream in = Files.newInputStream(file)) {
                    files.put(directory.relativize(file).toString(), in.readAllBytes());
                }
            }
        }
        return new ModuleSources(files);
    }

    /** By {@code JarFile}, whose classes any JVM has loaded: those of a jar's file system take 0.2 s in User Mode Linux. */
    static ModuleSources readJar(File file) throws IOException {
        SortedMap<String, byte[]> files = new TreeMap<>();
        try (JarFile jar = new JarFile(file)) {
            for (JarEntry entry : Collections.list(jar.entries())) {
                if (entry.getName().startsWith(AT + "/") && !entry.isDirectory()) {
                    try (InputStream in = jar.getInputStream(entry)) {
                        files.put(entry.getName().substring(AT.length() + 1), in.readAllBytes());
                    }
                }
            }
        }
        return new ModuleSources(files);
    }

    /** Writes the sources to a directory. */
    void unpack(Path directory) throws IOException {
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            Path target = directory.resolve(file.getKey());
            Files.createDirectories(target.getParent());
            Files.write(target, file.getValue());
        }
    }

    /** Returns twelve hexadecimal digits that change with any name or byte. */
    String hash() {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            files.forEach((name, content) -> {
                digest.update((name + '\0' + content.length + '\0').getBytes(StandardCharsets.UTF_8));
                digest.update(content);
            });
            return HexFormat.of().formatHex(digest.digest(), 0, 6);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every JDK has SHA-256", e);
        }
    }
}
