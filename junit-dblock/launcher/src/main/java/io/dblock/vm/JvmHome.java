// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.internal.kernel.Command;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;

/**
 * A directory that looks like a JDK. Its {@code bin/java} runs the real JVM where the module can be loaded: in a guest, or
 * on the host itself. {@link VmSetup} makes it. It refers to the real JDK and the files of the guest, and has everything
 * else. Build tools take it for a JDK because of {@code bin/java} and {@code release}.
 *
 * @param directory the directory; its {@code bin/java} is the value for Surefire's {@code jvm}
 * @param inGuest whether the JVM runs in a guest, not on the host itself
 * @param description where the JVM runs, in one line
 */
public record JvmHome(Path directory, boolean inGuest, String description) {

    static final String PROPERTIES = "lib/dblock-vm.properties";
    private static final String JAR = "lib/junit-dblock-cli.jar";

    /** One resource each of the launcher, the library and the module's sources, to find their jars. */
    private static final List<String> NEEDED = List.of(
            "/io/dblock/vm/JvmHome.class",
            "/io/dblock/internal/module/ModuleBuilder.class",
            "/io/dblock/internal/module/kmod/dblock.h");

    private static final String JAVA_HOME = "java.home";

    /** Variables that would change the launcher's own JVM. They are kept for the JVM in the guest. */
    static final List<String> JVM_VARIABLES = List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS");

    static final String KEPT_PREFIX = "DBLOCK_KEPT_";

    /** Returns the path of {@code bin/java}, a script. */
    public Path java() {
        return directory.resolve("bin/java");
    }

    /** Makes {@code link}, in the same parent directory, a link to this directory. Returns this home by the link's path. */
    JvmHome linked(Path link) {
        try {
            Path temporary =
                    Files.createTempDirectory(link.getParent(), ".link").resolve("link");
            Files.createSymbolicLink(temporary, directory.getFileName());
            Files.move(temporary, link, StandardCopyOption.ATOMIC_MOVE);
            Files.delete(temporary.getParent());
            return new JvmHome(link, inGuest, description);
        } catch (IOException e) {
            throw new VmException("cannot make the link " + link + " to " + directory + ": " + e.getMessage(), e);
        }
    }

    /** Makes or updates the directory. Leaves unchanged files alone, because a running launcher may use them. */
    static JvmHome create(Path directory, Path realJava, Optional<GuestImage> image, String description) {
        try {
            Path real = realJava.toRealPath();
            if (!Files.isExecutable(real.resolve("bin/java"))) {
                throw new VmException(real + " is no JDK: it has no bin/java");
            }
            if (Files.exists(real.resolve(PROPERTIES))) {
                throw new VmException(
                        real + " is a directory made by 'setup', not a real JDK: set JAVA_HOME to the real one");
            }
            Files.createDirectories(directory.resolve("bin"));
            Files.createDirectories(directory.resolve("lib"));
            StringBuilder properties = new StringBuilder("# made by setup of junit-dblock\n");
            properties.append(JAVA_HOME + "=").append(real).append('\n');
            image.ifPresent(guest -> properties.append(guest.toProperties()));
            copyJar(directory.resolve(JAR));
            replace(directory.resolve(PROPERTIES), properties.toString().getBytes(StandardCharsets.UTF_8), false);
            replace(directory.resolve("release"), release(real), false);
            String script = image.isPresent() ? guestScript(real) : hostScript(real, description);
            replace(directory.resolve("bin/java"), script.getBytes(StandardCharsets.UTF_8), true);
            return new JvmHome(directory, image.isPresent(), description);
        } catch (IOException e) {
            throw new VmException("cannot make the JDK-shaped directory " + directory + ": " + e.getMessage(), e);
        }
    }

    static Path realJavaHome(Properties properties) {
        return Path.of(properties.getProperty(JAVA_HOME));
    }

    private static String guestScript(Path real) {
        StringBuilder script = new StringBuilder("#!/bin/sh\n");
        script.append("# Made by setup of junit-dblock: runs java in a guest whose kernel has the module.\n");
        script.append("real=")
                .append(quote(real.resolve("bin/java").toString()))
                .append('\n');
        // In the guest, for example when a test starts a JVM, the script only has to run the real java.
        script.append("[ -n \"${DBLOCK_GUEST:-}\" ] && exec \"$real\" \"$@\"\n");
        script.append("self=$0\n");
        script.append("while [ -L \"$self\" ]; do\n");
        script.append("  link=$(readlink \"$self\")\n");
        script.append("  case $link in /*) self=$link ;; *) self=${self%/*}/$link ;; esac\n");
        script.append("done\n");
        script.append("case $self in */*) ;; *) self=$(command -v -- \"$self\") ;; esac\n");
        script.append("home=$(cd -P -- \"${self%/*}/..\" && pwd -P) || exit ")
                .append(ExitStatus.NOT_STARTED)
                .append('\n');
        for (String variable : JVM_VARIABLES) {
            script.append("if [ -n \"${")
                    .append(variable)
                    .append("+x}\" ]; then export ")
                    .append(KEPT_PREFIX + variable + "=\"$" + variable + "\"; unset " + variable + "; fi\n");
        }
        script.append("exec \"$real\" -Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData -Xmx64m -D"
                + GuestRun.PARENT + "=$PPID -cp \"$home/" + JAR + "\" io.dblock.vm.JavaInGuest \"$home\" \"$@\"\n");
        return script.toString();
    }

    private static String hostScript(Path real, String description) {
        return "#!/bin/sh\n# Made by setup of junit-dblock.\n"
                + "echo " + quote("junit-dblock: " + description) + " >&2\n"
                + "exec " + quote(real.resolve("bin/java").toString()) + " \"$@\"\n";
    }

    /** Quotes a text for a POSIX shell, in single quotes. */
    static String quote(String text) {
        return "'" + text.replace("'", "'\\''") + "'";
    }

    /** Returns the content of the file {@code release}. Surefire takes a JDK without it for Java 8. */
    private static byte[] release(Path real) throws IOException {
        Path file = real.resolve("release");
        if (Files.isReadable(file)) {
            return Files.readAllBytes(file);
        }
        // java prints the settings to standard error, which is part of the output.
        String version = Command.of(real.resolve("bin/java").toString(), "-XshowSettings:properties", "-version")
                .run()
                .output();
        return ("JAVA_VERSION=\"" + versionOf(version) + "\"\n").getBytes(StandardCharsets.UTF_8);
    }

    private static String versionOf(String settings) {
        for (String line : settings.split("\n", -1)) {
            if (line.strip().startsWith("java.version =")) {
                return line.substring(line.indexOf('=') + 1).strip();
            }
        }
        return System.getProperty("java.version");
    }

    private static void replace(Path file, byte[] content, boolean executable) throws IOException {
        if (Files.isRegularFile(file) && Arrays.equals(Files.readAllBytes(file), content)) {
            return;
        }
        Path temporary = Files.createTempFile(file.getParent(), ".new", "");
        try {
            Files.write(temporary, content);
            Files.setPosixFilePermissions(
                    temporary, PosixFilePermissions.fromString(executable ? "rwxr-xr-x" : "rw-r--r--"));
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    /** Copies the jar with the launcher and all it needs; if these are in several places, makes one jar of them. */
    private static void copyJar(Path target) throws IOException {
        Set<Path> places = new LinkedHashSet<>();
        for (String resource : NEEDED) {
            places.add(placeOf(resource));
        }
        Path first = places.iterator().next();
        if (places.size() == 1 && Files.isRegularFile(first)) {
            if (!Files.exists(target) || !Files.isSameFile(first, target)) {
                replace(target, Files.readAllBytes(first), false);
            }
            return;
        }
        SortedMap<String, byte[]> entries = new TreeMap<>();
        for (Path place : places) {
            if (Files.isDirectory(place)) {
                readAll(place, entries);
            } else {
                try (FileSystem jar = FileSystems.newFileSystem(place)) {
                    readAll(jar.getPath("/"), entries);
                }
            }
        }
        entries.remove("META-INF/MANIFEST.MF");
        var bytes = new ByteArrayOutputStream();
        try (JarOutputStream jar = new JarOutputStream(bytes)) {
            for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
                JarEntry file = new JarEntry(entry.getKey());
                file.setTime(0);
                jar.putNextEntry(file);
                jar.write(entry.getValue());
                jar.closeEntry();
            }
        }
        replace(target, bytes.toByteArray(), false);
    }

    /** Returns the jar or directory that has this resource. */
    private static Path placeOf(String resource) throws IOException {
        URL url = JvmHome.class.getResource(resource);
        if (url == null) {
            throw new IOException(resource + " is not on the class path: this build of junit-dblock is incomplete");
        }
        String place = url.toString();
        place = place.startsWith("jar:")
                ? place.substring("jar:".length(), place.indexOf("!/"))
                : place.substring(0, place.length() - resource.length());
        return Path.of(URI.create(place));
    }

    private static void readAll(Path root, SortedMap<String, byte[]> entries) throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            for (Path file : (Iterable<Path>) files.filter(Files::isRegularFile)::iterator) {
                entries.putIfAbsent(root.relativize(file).toString(), Files.readAllBytes(file));
            }
        }
    }
}
