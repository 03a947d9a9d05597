// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.internal.module.ModuleBuilder;
import java.io.IOException;
import java.io.StringReader;
import java.io.UncheckedIOException;
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
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A jar with a User Mode Linux kernel and the module for it, so that users of a release need not build them. It is the
 * artifact {@code junit-dblock-uml-kernel} of the library's version, on the class path or in Maven's local repository. It
 * fits only the build of the library that it was made with; a jar of another build is not used.
 *
 * <p>The kernel is under the GPL-2.0. {@code kernel.properties} names its source package; its configuration and
 * {@code kernel.sh}, which builds it, are beside it.
 */
final class UserModeKernelArtifact {

    static final String NAME = "junit-dblock-uml-kernel";

    private static final String OWN = "junit-dblock-cli";
    /** The directory of all files in the jar. */
    private static final String DIRECTORY = "io/dblock/vm/uml-kernel";

    private static final String PROPERTIES = "kernel.properties";
    private static final String MODULE = "dblock.ko";
    private static final String SCRIPT = "kernel.sh";

    /** The suffix of the kernel's directory in the cache. */
    private static final String SUFFIX = "-jar";

    private static final String VERSION = "source.version";
    /** The directory of a kernel that {@code kernel.sh} built: the version of the source, and a hash of the configuration. */
    private static final Pattern BUILT = Pattern.compile("(?<version>[0-9].*)-[0-9a-f]{12}");

    private static final String CACHED = "cached.as";
    private static final String RELEASE = "release";
    private static final String SOURCES = "module.sources";

    private final Path jar;

    UserModeKernelArtifact(Path jar) {
        this.jar = jar;
    }

    Path jar() {
        return jar;
    }

    /** Returns the jar on the class path, or else the one in Maven's local repository. */
    static Optional<UserModeKernelArtifact> find() {
        return find(
                UserModeKernelArtifact.class.getClassLoader(),
                jarOf(UserModeKernelArtifact.class.getResource("UserModeKernelArtifact.class")),
                LibraryVersion.find(),
                Optional.ofNullable(System.getProperty("maven.repo.local"))
                        .map(Path::of)
                        .orElse(Path.of(System.getProperty("user.home"), ".m2", "repository")));
    }

    /**
     * Returns the jar on the class path, or else the one in a repository.
     *
     * @param own the launcher's jar; if it is in a repository itself, that one is searched first
     * @param version the version of this library
     * @param repository the repository to search next
     */
    static Optional<UserModeKernelArtifact> find(
            ClassLoader loader, Optional<Path> own, Optional<String> version, Path repository) {
        Optional<Path> ownVersion = own.map(Path::getParent)
                .filter(directory ->
                        directory.getParent() != null && directory.getParent().endsWith(Path.of("io", "dblock", OWN)));
        Optional<Path> beside = ownVersion.map(directory -> jar(
                directory.getParent().resolveSibling(NAME),
                directory.getFileName().toString()));
        return jarOf(loader.getResource(DIRECTORY + "/" + PROPERTIES))
                .or(() -> beside.filter(Files::exists))
                .or(() -> version.map(release -> jar(repository.resolve(Path.of("io", "dblock", NAME)), release))
                        .filter(Files::exists))
                .map(UserModeKernelArtifact::new);
    }

    private static Path jar(Path artifact, String version) {
        return artifact.resolve(version).resolve(NAME + "-" + version + ".jar");
    }

    private static Optional<Path> jarOf(URL entry) {
        return Optional.ofNullable(entry)
                .filter(url -> url.getProtocol().equals("jar"))
                .map(url -> Path.of(URI.create(url.getPath().split("!", 2)[0])));
    }

    /**
     * Unpacks the kernel and the module to where a build would put them. Safe against other processes that do the same.
     *
     * @param cache the directory of all kernels of this kind
     * @param configuration the configuration that this library would build a kernel with
     * @return false if the jar belongs to another build of this library, which {@code progress} reports
     * @throws VmException if the jar cannot be read, or the cache cannot be written
     */
    boolean unpack(Path cache, byte[] configuration, Consumer<String> progress) {
        try (FileSystem files = FileSystems.newFileSystem(jar)) {
            Path from = files.getPath(DIRECTORY);
            Properties properties = new Properties();
            properties.load(new StringReader(Files.readString(from.resolve(PROPERTIES))));
            if (!Arrays.equals(Files.readAllBytes(from.resolve(UserModeKernel.CONFIGURATION)), configuration)
                    || !ModuleBuilder.sourcesHash().equals(properties.getProperty(SOURCES))) {
                progress.accept("the kernel in " + jar + " is for another build of this library: use the " + NAME
                        + " of the same version");
                return false;
            }
            progress.accept("taking the kernel from " + jar);
            Path module = Files.createTempFile("dblock", ".ko");
            try {
                Files.copy(from.resolve(MODULE), module, StandardCopyOption.REPLACE_EXISTING);
                ModuleBuilder.keep(property(properties, RELEASE), module);
            } finally {
                Files.deleteIfExists(module);
            }
            unpackKernel(from, cache, property(properties, CACHED));
            return true;
        } catch (IOException | UncheckedIOException | IllegalArgumentException e) {
            throw new VmException(
                    "cannot take the kernel from " + jar + " to " + cache + ": " + e
                            + ". Delete that file, or set DBLOCK_CACHE to a directory that can be written.",
                    e);
        }
    }

    private String property(Properties properties, String name) {
        String value = properties.getProperty(name);
        if (value == null || !value.matches("[A-Za-z0-9][A-Za-z0-9.+~_-]*")) {
            throw new IllegalArgumentException(
                    PROPERTIES + " has " + name + "=" + value + ", which is no name of a file");
        }
        return value;
    }

    private static void unpackKernel(Path from, Path cache, String name) throws IOException {
        // The name differs from that of kernel.sh, which may be building at the same time.
        Path kernel = cache.resolve(name + SUFFIX);
        Files.createDirectories(cache);
        // The directory gets its name once it is complete, so that other processes see all of it or nothing.
        Path directory = Files.createTempDirectory(cache, ".unpacking");
        try {
            try (Stream<Path> tree = Files.walk(from)) {
                for (Path file : (Iterable<Path>) tree.filter(Files::isRegularFile)::iterator) {
                    Path to = directory.resolve(from.relativize(file).toString());
                    Files.createDirectories(to.getParent());
                    Files.copy(file, to);
                }
            }
            Files.setPosixFilePermissions(
                    directory.resolve(UserModeKernel.PROGRAM), PosixFilePermissions.fromString("rwxr-xr-x"));
            Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
            try {
                Files.move(directory, kernel, StandardCopyOption.ATOMIC_MOVE);
            } catch (IOException e) {
                if (!Files.isExecutable(kernel.resolve(UserModeKernel.PROGRAM))) {
                    throw e;
                }
                // Another process has unpacked it meanwhile.
            }
        } finally {
            FileTrees.delete(directory);
        }
    }

    /**
     * Writes the content of the jar.
     *
     * @param to the root of the jar, which gets {@value #DIRECTORY}
     * @param kernel a kernel that {@code kernel.sh} built
     * @param module the module for this kernel
     * @param script {@code kernel.sh}
     */
    static void write(Path to, GuestKernel kernel, Path module, byte[] script) throws IOException {
        Path made = kernel.image().getParent();
        String kept = made.getFileName().toString();
        // The kernel may itself come from such a jar.
        String name = kept.endsWith(SUFFIX) ? kept.substring(0, kept.length() - SUFFIX.length()) : kept;
        Matcher source = BUILT.matcher(name);
        if (!source.matches()) {
            // Whoever gives a kernel away has to say what it was made of.
            throw new VmException("the kernel " + kernel.image()
                    + " does not tell its source: its directory is not one of "
                    + "kernel.sh, such as 7.3.4-1-998b85ce688a. Unset " + VmSettings.UML_KERNEL + ", and run 'setup'");
        }
        Path directory = to.resolve(DIRECTORY);
        FileTrees.delete(directory);
        Files.createDirectories(directory);
        for (String file : List.of(UserModeKernel.PROGRAM, UserModeKernel.CONFIGURATION)) {
            Files.copy(made.resolve(file), directory.resolve(file));
        }
        Path modules = directory.resolve("lib/modules").resolve(kernel.release());
        try (Stream<Path> tree = Files.walk(kernel.modules())) {
            // The link `build` is left out: only builds of modules need it.
            for (Path file : (Iterable<Path>) tree.filter(path -> Files.isRegularFile(path))::iterator) {
                Path copy = modules.resolve(kernel.modules().relativize(file).toString());
                Files.createDirectories(copy.getParent());
                Files.copy(file, copy);
            }
        }
        Files.copy(module, directory.resolve(MODULE));
        Files.write(directory.resolve(SCRIPT), script);
        // Properties.store() would add the time, but the same kernel should give the same jar.
        Files.writeString(
                directory.resolve(PROPERTIES),
                String.join(
                        "\n",
                        "# The source: Debian's source package linux of this version. GPL-2.0-only.",
                        "source.package=linux",
                        VERSION + "=" + source.group("version"),
                        CACHED + "=" + name,
                        RELEASE + "=" + kernel.release(),
                        SOURCES + "=" + ModuleBuilder.sourcesHash(),
                        ""),
                StandardCharsets.US_ASCII);
    }
}
