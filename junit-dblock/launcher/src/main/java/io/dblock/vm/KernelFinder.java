// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.internal.kernel.Command;
import io.dblock.internal.module.Distribution;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Finds the kernel for a guest: one named by its path, one already unpacked in the cache, one installed on the host (with
 * a readable image and headers), or one from the distribution's packages, which it unpacks into the cache.
 */
final class KernelFinder {

    private static final Duration DEPMOD_LIMIT = Duration.ofMinutes(5);

    /** The offsets of the magic "HdrS" and of the release's text, less 0x200, in the x86 boot protocol. */
    private static final int X86_MAGIC_OFFSET = 0x202;

    private static final int X86_VERSION_OFFSET = 0x20e;

    /** The default kernel series, as in {@link DebianPackages}. */
    private static final String PREFERRED = "6.12";

    /** The file with the Debian suite, in the directory of an unpacked kernel. */
    private static final String SUITE = "suite";

    private final Path cache;
    private final Path hostRoot;
    private final MachineType machine;
    private final Consumer<String> progress;

    /**
     * Creates a finder.
     *
     * @param cache the directory with one directory per unpacked release
     * @param hostRoot {@code /}, or another directory in unit tests
     * @param machine the guest's architecture
     */
    KernelFinder(Path cache, Path hostRoot, MachineType machine, Consumer<String> progress) {
        this.cache = cache;
        this.hostRoot = hostRoot;
        this.machine = machine;
        this.progress = progress;
    }

    /**
     * Returns the kernel.
     *
     * @param wanted the beginning of a release, or the absolute path of an image; empty for the default
     * @param modules the directory with the modules of an image named by its path; empty if they are in
     *     {@code lib/modules} beside the image or on the host
     * @throws VmException if there is none; the message names the places searched
     */
    GuestKernel find(Optional<String> wanted, Optional<Path> modules) {
        if (wanted.isPresent() && wanted.get().startsWith("/")) {
            return named(Path.of(wanted.get()), modules);
        }
        try {
            Optional<GuestKernel> found = findHere(wanted);
            if (found.isPresent()) {
                return found.get();
            }
            Optional<GuestKernel> fetched = fetch(wanted);
            if (fetched.isPresent()) {
                return fetched.get();
            }
            List<String> releases = local().stream().map(GuestKernel::release).toList();
            throw new VmException("no kernel "
                    + wanted.map(w -> "whose release begins with " + w + " ").orElse("")
                    + "for " + (machine.isThisHosts() ? "the" : "an " + machine.architecture())
                    + " guest: neither unpacked in " + cache
                    + ", nor installed with its headers on this host (there are: "
                    + (releases.isEmpty() ? "none" : String.join(", ", releases))
                    + "), nor offered with its headers by the"
                    + " distribution's packages. Name one with " + VmSettings.KERNEL
                    + " (an absolute path of an image, with "
                    + VmSettings.MODULES + ").");
        } catch (IOException e) {
            throw new VmException("cannot look for a kernel for the guest: " + e.getMessage(), e);
        }
    }

    /** Returns the kernel if it is already on this host, unpacked or installed. */
    Optional<GuestKernel> findHere(Optional<String> wanted) throws IOException {
        return newest(local(), wanted.orElse(PREFERRED));
    }

    private List<GuestKernel> local() throws IOException {
        List<GuestKernel> local = new ArrayList<>(unpacked());
        local.addAll(installed());
        return local;
    }

    private static Optional<GuestKernel> newest(List<GuestKernel> kernels, String prefix) {
        return DebianPackages.newest(kernels.stream().map(GuestKernel::release).toList(), prefix)
                .flatMap(release -> kernels.stream()
                        .filter(k -> k.release().equals(release))
                        .findFirst());
    }

    private GuestKernel named(Path image, Optional<Path> modules) {
        try {
            if (!Files.isReadable(image)) {
                throw new VmException(VmSettings.KERNEL + "=" + image + ": no such file, or it cannot be read");
            }
            String release = modules.map(directory -> directory.getFileName().toString())
                    .or(() -> releaseOf(image))
                    .orElseThrow(() -> new VmException(image + " does not say its release: name the directory of its"
                            + " modules with " + VmSettings.MODULES));
            Path installed = hostRoot.resolve("lib/modules").resolve(release);
            Path beside = image.toRealPath().resolveSibling("lib/modules").resolve(release);
            Path directory = modules.orElse(Files.isDirectory(beside) ? beside : installed);
            if (!Files.isDirectory(directory)) {
                throw new VmException("the modules of " + image + " are not in "
                        + (modules.isPresent() ? directory : beside + " or " + installed)
                        + ": name their directory with " + VmSettings.MODULES);
            }
            return new GuestKernel(
                    machine,
                    release,
                    image.toRealPath(),
                    false,
                    directory.toRealPath(),
                    build(directory),
                    Optional.empty(),
                    "named");
        } catch (IOException e) {
            throw new VmException("cannot use the kernel " + image + ": " + e.getMessage(), e);
        }
    }

    /** Returns the release in the header of an x86 kernel image; empty if it has none. */
    static Optional<String> releaseOf(Path image) {
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "r")) {
            byte[] header = new byte[0x210];
            file.readFully(header);
            if (!"HdrS".equals(new String(header, X86_MAGIC_OFFSET, 4, StandardCharsets.US_ASCII))) {
                return Optional.empty();
            }
            int offset = (header[X86_VERSION_OFFSET] & 0xff) | (header[X86_VERSION_OFFSET + 1] & 0xff) << 8;
            file.seek(offset + 0x200L);
            byte[] text = new byte[128];
            int n = file.read(text);
            String release = new String(text, 0, Math.max(n, 0), StandardCharsets.US_ASCII).split("[ \0]", 2)[0];
            return release.isEmpty() ? Optional.empty() : Optional.of(release);
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private static Optional<Path> build(Path modules) {
        return Optional.of(modules.resolve("build")).filter(build -> Files.exists(build.resolve("Makefile")));
    }

    /** Returns the kernels installed on the host that a guest can use. Only root can read Ubuntu's images. */
    private List<GuestKernel> installed() throws IOException {
        List<GuestKernel> found = new ArrayList<>();
        Path all = hostRoot.resolve("lib/modules");
        if (!machine.isThisHosts() || !Files.isDirectory(all)) {
            return found;
        }
        try (DirectoryStream<Path> directories = Files.newDirectoryStream(all)) {
            for (Path modules : directories) {
                String release = modules.getFileName().toString();
                Optional<Path> build = build(modules);
                Optional<Path> image = image(hostRoot, modules, release);
                boolean complete =
                        image.isPresent() && build.isPresent() && Files.exists(modules.resolve("modules.dep"));
                if (complete && isOfThisMachine(release)) {
                    found.add(new GuestKernel(
                            machine,
                            release,
                            image.get(),
                            false,
                            modules.toRealPath(),
                            build,
                            Optional.empty(),
                            "installed on this host"));
                }
            }
        }
        return found;
    }

    private static Optional<Path> image(Path root, Path modules, String release) {
        for (Path candidate : List.of(root.resolve("boot/vmlinuz-" + release), modules.resolve("vmlinuz"))) {
            if (Files.isReadable(candidate)) {
                return Optional.of(candidate);
            }
        }
        return Optional.empty();
    }

    private List<GuestKernel> unpacked() throws IOException {
        List<GuestKernel> found = new ArrayList<>();
        if (!Files.isDirectory(cache)) {
            return found;
        }
        try (DirectoryStream<Path> directories = Files.newDirectoryStream(cache)) {
            for (Path directory : directories) {
                String release = directory.getFileName().toString();
                if (!release.startsWith(".") && isOfThisMachine(release)) {
                    unpackedAt(directory).ifPresent(found::add);
                }
            }
        }
        return found;
    }

    /** Returns whether the end of this release names this architecture. All architectures share one directory. */
    private boolean isOfThisMachine(String release) {
        for (MachineType other : MachineType.values()) {
            if (other != machine && !other.isThisHosts() && release.endsWith("-" + other.flavour())) {
                return false;
            }
        }
        return machine.isThisHosts() || release.endsWith("-" + machine.flavour());
    }

    /** Returns the kernel in a directory made by {@link #fetch}; empty if it is not complete. */
    private Optional<GuestKernel> unpackedAt(Path directory) {
        String release = directory.getFileName().toString();
        for (String lib : List.of("usr/lib/modules", "lib/modules")) {
            Path modules = directory.resolve(lib).resolve(release);
            if (Files.exists(modules.resolve("modules.dep"))) {
                Optional<Path> build = Optional.of(directory.resolve("usr/src/linux-headers-" + release))
                        .filter(Files::isDirectory)
                        .or(() -> Optional.of(directory.resolve("usr/src/kernels/" + release))
                                .filter(Files::isDirectory))
                        .or(() -> Optional.of(hostRoot.resolve("usr/src/linux-headers-" + release))
                                .filter(Files::isDirectory));
                return image(directory, modules, release)
                        .map(image -> new GuestKernel(
                                machine, release, image, false, modules, build, suite(directory), "unpacked package"));
            }
        }
        return Optional.empty();
    }

    /** Returns the Debian suite of an unpacked kernel; empty if it is from this machine's own sources. */
    private static Optional<String> suite(Path directory) {
        try {
            return Files.exists(directory.resolve(SUITE))
                    ? Optional.of(Files.readString(directory.resolve(SUITE)).strip())
                    : Optional.empty();
        } catch (IOException e) {
            throw new VmException("cannot read " + directory.resolve(SUITE) + ": " + e.getMessage(), e);
        }
    }

    private Optional<GuestKernel> fetch(Optional<String> wanted) throws IOException {
        Optional<? extends PackageSource> own = ownSource();
        if (own.isEmpty()) {
            return Optional.empty();
        }
        PackageSource source = own.get();
        Optional<PackageSource.KernelPackages> packages = source.find(wanted, progress);
        Optional<String> suite = Optional.empty();
        if (packages.isEmpty() && wanted.isPresent()) {
            Optional<DebianPackages> others =
                    DebianSuites.all(cache.getParent(), machine).map(suites -> suites.packages(progress));
            if (others.isPresent()) {
                source = others.get();
                packages = source.find(wanted, progress);
                suite = packages.flatMap(found -> others.get().suite(found.release()));
            }
        }
        if (packages.isEmpty()) {
            return Optional.empty();
        }
        String release = packages.get().release();
        Path target = cache.resolve(release);
        if (Files.exists(target)) {
            Optional<GuestKernel> present = unpackedAt(target);
            if (present.isPresent()) {
                return present;
            }
        }
        Files.createDirectories(cache);
        // Unpack elsewhere, then move the whole directory, so that other processes see all of it or nothing. It already
        // has the release as its name, because unpackedAt() needs that.
        Path aside = Files.createTempDirectory(cache, ".unpack");
        try {
            Path directory = Files.createDirectory(aside.resolve(release));
            source.unpack(packages.get(), directory, progress);
            relocate(directory, target, release);
            if (suite.isPresent()) {
                Files.writeString(directory.resolve(SUITE), suite.get() + "\n");
            }
            if (unpackedAt(directory).isEmpty()) {
                throw new VmException("the packages " + packages.get().packages() + " hold no image and modules of "
                        + release + " where they were looked for");
            }
            try {
                Files.move(directory, target, StandardCopyOption.ATOMIC_MOVE);
            } catch (AtomicMoveNotSupportedException e) {
                throw e;
            } catch (FileSystemException e) {
                // Another process may have made it meanwhile, or there is a damaged directory.
                if (unpackedAt(target).isEmpty()) {
                    throw e;
                }
            }
        } finally {
            FileTrees.delete(aside);
        }
        return unpackedAt(target);
    }

    /** Returns the packages of this machine's own release; empty if the distribution is not known. */
    private Optional<? extends PackageSource> ownSource() {
        if (!machine.isThisHosts()) {
            return DebianSuites.own(cache.getParent(), machine).map(suites -> suites.packages(progress));
        }
        return switch (Distribution.ofThisHost()) {
            case DEBIAN -> Optional.of(DebianPackages.ofThisMachine(cache.getParent()));
            case FEDORA -> Optional.of(new FedoraPackages());
            case UNKNOWN -> Optional.empty();
        };
    }

    /** Makes an unpacked kernel work at its target: writes the module dependencies, and changes the headers' paths. */
    private void relocate(Path directory, Path target, String release) throws IOException {
        for (String lib : List.of("usr/lib/modules", "lib/modules")) {
            Path modules = directory.resolve(lib).resolve(release);
            if (Files.isDirectory(modules) && !Files.exists(modules.resolve("modules.dep"))) {
                Requirements.require("depmod", machine);
                Path base = lib.startsWith("usr") ? directory.resolve("usr") : directory;
                Command.of(Command.find("depmod").orElseThrow().toString(), "-b", base.toString(), release)
                        .within(DEPMOD_LIMIT)
                        .output();
            }
            Path link = modules.resolve("build");
            Path headers = Path.of("usr/src/linux-headers-" + release);
            if (Files.isSymbolicLink(link) && Files.isDirectory(directory.resolve(headers))) {
                Files.delete(link);
                Files.createSymbolicLink(link, target.resolve(headers));
            }
        }
        // Debian's headers of one architecture have a Makefile that includes the common one by its absolute path.
        Path makefile = directory.resolve("usr/src/linux-headers-" + release + "/Makefile");
        if (Files.isRegularFile(makefile)) {
            String text = Files.readString(makefile);
            Files.writeString(
                    makefile, text.replaceAll("(?m)^include /usr/src/", "include " + target.resolve("usr/src") + "/"));
        }
    }
}
