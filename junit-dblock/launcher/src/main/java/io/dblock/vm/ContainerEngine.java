// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.internal.kernel.Command;
import io.dblock.internal.module.CacheDirectory;
import io.dblock.internal.module.Distribution;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The container engine of guests, Docker's, with the images that {@link VmSettings#IMAGES} names. It starts in the guest
 * when somebody first connects to its socket, and ends with the guest.
 *
 * <p>Its programs are this host's if it has them, else those of Debian's packages, which are unpacked in the cache and not
 * installed. The images are loaded once, in a guest of their own, into a store (see {@code engine.sh}), which all guests
 * with the same images share. Safe against other processes that prepare the same.
 *
 * @param programs the directory of unpacked packages; empty for this host's own programs
 * @param script {@code engine.sh}
 * @param socket the program that holds the engine's socket until it starts
 * @param store the images
 */
record ContainerEngine(Optional<Path> programs, Path script, Path socket, Path store) {

    private static final String SCRIPT = "engine.sh";
    private static final String SOCKET_PROGRAM = "engine-socket.c";

    /** Where Docker's clients look for it by themselves. */
    private static final String SOCKET = "/run/docker.sock";

    /** How long the engine may take to answer its first client. It took 3 s in User Mode Linux and 9 s emulated. */
    private static final int START_LIMIT_SECONDS = 180;

    private static final List<String> PROGRAMS = List.of("dockerd", "containerd", "runc", "docker");
    private static final String PACKAGE = "docker.io";

    /** The stores that are kept, the youngest ones. */
    private static final int KEPT_STORES = 3;

    /**
     * Returns the engine for guests of this image; empty if the settings name no images.
     *
     * @throws VmException if this host has no engine and its packages cannot be had, or an image cannot be loaded
     */
    static Optional<ContainerEngine> prepare(
            GuestImage image, AcceleratorChoice choice, VmSettings settings, Consumer<String> progress) {
        List<Path> images = settings.images();
        if (images.isEmpty()) {
            return Optional.empty();
        }
        if (image.hasItsOwnRoot()) {
            throw new VmException(VmSettings.IMAGES
                    + ": a guest of another architecture than this host's has no container" + " engine");
        }
        Path cache = CacheDirectory.root().resolve("engine");
        try {
            Files.createDirectories(cache);
            try (FileChannel channel = FileChannel.open(
                            cache.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                    FileLock lock = channel.lock()) {
                Path script = script(cache);
                ContainerEngine engine = new ContainerEngine(
                        programs(cache, progress),
                        script,
                        CompiledProgram.of(SOCKET_PROGRAM, VmSetup.cache(), image.machine()),
                        cache.resolve("images-" + key(script, images) + ".ext4"));
                if (lock.isValid() && !Files.exists(engine.store())) {
                    progress.accept("loading container images, once: " + images);
                    engine.makeStore(image, choice, settings, images, progress);
                    deleteOldStores(cache);
                }
                return Optional.of(engine);
            }
        } catch (IOException e) {
            throw new VmException("cannot prepare the container engine in " + cache + ": " + e, e);
        }
    }

    private static Path script(Path cache) throws IOException {
        byte[] text = CompiledProgram.source(SCRIPT);
        Path script = cache.resolve("engine-" + Initramfs.shortHash(text) + ".sh");
        if (!Files.exists(script)) {
            Path temporary = Files.createTempFile(cache, ".engine", ".sh");
            Files.write(temporary, text);
            Files.move(temporary, script, StandardCopyOption.ATOMIC_MOVE);
        }
        return script;
    }

    private static Optional<Path> programs(Path cache, Consumer<String> progress) throws IOException {
        List<String> missing = PROGRAMS.stream()
                .filter(program -> Command.find(program).isEmpty())
                .toList();
        if (missing.isEmpty()) {
            return Optional.empty();
        }
        DebianSuites suites = DebianSuites.own(CacheDirectory.root(), MachineType.ofThisHost())
                .orElseThrow(() -> new VmException("no container engine for guests: this host has no " + missing
                        + ", and no mirror of Debian's to take them from. Install Docker's engine here; it need not"
                        + " run, since guests run its programs"));
        Path programs =
                cache.resolve("programs-" + Distribution.codeNameOfThisHost().orElse("debian"));
        if (!Files.isDirectory(programs)) {
            progress.accept("this host has no " + String.join(", ", missing) + ": unpacking Debian's for guests");
            Path aside = Files.createTempDirectory(cache, ".programs");
            try {
                Path unpacked = Files.createDirectory(aside.resolve("root"));
                suites.packages(progress)
                        .unpackWithDependencies(List.of(PACKAGE), ContainerEngine::isNeeded, unpacked, progress);
                Files.move(unpacked, programs, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                FileTrees.delete(aside);
            }
        }
        return Optional.of(programs);
    }

    /** Returns whether this package is unpacked. The C library must be the one that the host's programs have. */
    static boolean isNeeded(String name) {
        return name.matches("docker.*|containerd|runc|tini|iptables|lib.*")
                && !name.matches("libc6|libc-.*|libgcc-.*|libperl.*");
    }

    /** Returns what tells the store of these images from that of others: files that change get another one. */
    private static String key(Path script, List<Path> images) throws IOException {
        StringBuilder key = new StringBuilder(script.getFileName().toString());
        for (Path image : images) {
            key.append('\n')
                    .append(image.toRealPath())
                    .append(' ')
                    .append(Files.size(image))
                    .append(' ')
                    .append(Files.getLastModifiedTime(image));
        }
        return Initramfs.shortHash(key.toString().getBytes(StandardCharsets.UTF_8));
    }

    private void makeStore(
            GuestImage image,
            AcceleratorChoice choice,
            VmSettings settings,
            List<Path> images,
            Consumer<String> progress)
            throws IOException {
        Path unfinished = Files.createTempDirectory(store.getParent(), ".images");
        Path made = unfinished.resolve("store");
        Path log = Files.createTempFile("dblock-vm-kernel", ".log");
        List<byte[]> arguments = new ArrayList<>();
        for (String word : List.of("sh", script.toString(), "store", programsOrNone(), made.toString())) {
            arguments.add(word.getBytes(StandardCharsets.UTF_8));
        }
        images.forEach(file -> arguments.add(GuestCommand.bytes(file.toAbsolutePath())));
        GuestCommand command = GuestCommand.ofThisProcess(arguments, GuestLauncher.sameCache());
        // Standard output belongs to the command that the guest with these images is for.
        OutputStream errors = new FileOutputStream(FileDescriptor.err);
        try (PortForwarder ports = PortForwarder.listen(List.of(), progress)) {
            List<Path> shares = List.of(unfinished.toRealPath());
            GuestConfiguration configuration = GuestLauncher.configuration(
                    image, command, shares, Path.of("").toAbsolutePath());
            int status = new GuestRun(
                            image,
                            choice.accelerator(),
                            settings,
                            ports,
                            progress,
                            InputStream.nullInputStream(),
                            errors,
                            errors)
                    .run(configuration, shares, log);
            if (status != 0) {
                throw new VmException("the container images " + images
                        + " could not be loaded into the engine of a guest (status " + status
                        + "), see above; kernel log: "
                        + log);
            }
            Files.move(made, store, StandardCopyOption.ATOMIC_MOVE);
            Files.delete(log);
        } finally {
            FileTrees.delete(unfinished);
        }
    }

    /** A store in use stays readable until its guest ends, as the file of a name that is gone does. */
    private static void deleteOldStores(Path cache) throws IOException {
        Map<String, Path> stores = new TreeMap<>(Comparator.reverseOrder());
        try (DirectoryStream<Path> files = Files.newDirectoryStream(cache, "images-*.ext4")) {
            for (Path file : files) {
                stores.put(Files.getLastModifiedTime(file) + " " + file, file);
            }
        }
        for (Path old : stores.values().stream().skip(KEPT_STORES).toList()) {
            Files.deleteIfExists(old);
        }
    }

    private String programsOrNone() {
        return programs.map(Path::toString).orElse("");
    }

    /**
     * Returns the command as it runs in a guest with this engine.
     *
     * @param log the file in the guest for what the engine prints
     */
    GuestCommand around(GuestCommand command, Path log) {
        List<byte[]> arguments = Stream.of(
                        socket.toString(),
                        SOCKET,
                        log.toString(),
                        Integer.toString(START_LIMIT_SECONDS),
                        "sh",
                        script.toString(),
                        "start",
                        programsOrNone(),
                        store.toString(),
                        "--")
                .map(word -> word.getBytes(StandardCharsets.UTF_8))
                .collect(ArrayList::new, List::add, List::addAll);
        arguments.addAll(command.arguments());
        return command.with(arguments, environment(System.getenv()));
    }

    /** Returns the changes of the environment that lead Docker's client and Testcontainers to this engine. */
    Map<String, String> environment(Map<String, String> own) {
        Map<String, String> changes = new HashMap<>();
        changes.put("DOCKER_HOST", "unix://" + SOCKET);
        for (String other : List.of("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")) {
            changes.put(other, null);
        }
        // Ryuk removes containers that a killed test run leaves. Here the guest's end does, and Ryuk is one more image.
        changes.put("TESTCONTAINERS_RYUK_DISABLED", own.getOrDefault("TESTCONTAINERS_RYUK_DISABLED", "true"));
        // The guest sees the files of this host, and /.dockerenv among them where this host is itself a container. Then
        // Testcontainers would look for the engine's address with one more image.
        changes.put("TESTCONTAINERS_HOST_OVERRIDE", "localhost");
        programs.ifPresent(directory ->
                changes.put("PATH", own.getOrDefault("PATH", "/usr/bin:/bin") + ":" + directory.resolve("usr/bin")));
        return changes;
    }
}
