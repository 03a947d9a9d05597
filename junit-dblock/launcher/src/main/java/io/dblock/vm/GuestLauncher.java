// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.internal.module.CacheDirectory;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Runs a command in a guest on the streams of this process, and tells the user about the guest. */
public final class GuestLauncher {

    private static final int KEPT_LOGS = 10;

    private GuestLauncher() {}

    /**
     * Runs a command in a guest on this process's standard streams, environment, directory and last arguments.
     *
     * @param options the guest's kernel
     * @param shares directories that the guest may write to, besides {@code target} of the working directory
     * @param command the last arguments of this process
     * @return the exit status for this process, see {@link ExitStatus}
     */
    public static int runInGuest(VmOptions options, List<Path> shares, List<String> command) {
        VmSettings settings = VmSettings.current();
        try (PortForwarder ports = PortForwarder.listen(settings.forwardedPorts(), GuestLauncher::say)) {
            GuestImage image = VmSetup.image(options, settings, GuestLauncher::say);
            List<byte[]> arguments = GuestCommand.lastArgumentsOfThisProcess(command.size(), command);
            AcceleratorChoice choice = AcceleratorChoice.choose(image, settings, VmSetup.cache(), GuestLauncher::say);
            return launch(image, choice, settings, GuestCommand.ofThisProcess(arguments, sameCache()), shares, ports);
        }
    }

    /** Returns the variable for the cache: root in the guest has another home, where the library would look for it. */
    static Map<String, String> sameCache() {
        return Map.of(CacheDirectory.VARIABLE, CacheDirectory.root().toString());
    }

    /** Runs a command in a guest from this image. Returns the exit status for this process. */
    static int launch(
            GuestImage image,
            AcceleratorChoice choice,
            VmSettings settings,
            GuestCommand command,
            List<Path> asked,
            PortForwarder ports) {
        try {
            Path directory = Files.readSymbolicLink(Path.of("/proc/self/cwd"));
            Path target = directory.resolve("target");
            List<Path> shares = shares(target, asked, settings);
            Path log = log(target);
            Optional<ContainerEngine> engine = ContainerEngine.prepare(image, choice, settings, GuestLauncher::say);
            say("guest with kernel " + image.release() + ", " + (image.isProgram() ? "" : settings.cpus() + " CPUs, ")
                    + settings.memoryMiB(image.machine()) + " MiB, under " + choice.accelerator() + " ("
                    + choice.reason() + "), " + GuestSpeed.expectation(choice.accelerator())
                    + (settings.accelerator().isPresent()
                                    ? Optional.<String>empty()
                                    : new GuestSpeed().faster(choice.accelerator()))
                            .map(faster -> "; faster here: " + faster)
                            .orElse("")
                    + "; kernel log: " + log);
            GuestCommand whole =
                    engine.map(e -> e.around(command, engineLog(log, target))).orElse(command);
            GuestConfiguration configuration = configuration(image, whole, shares, directory);
            int status = new GuestRun(image, choice.accelerator(), settings, ports, GuestLauncher::say)
                    .run(configuration, shares, log);
            if (status == 0 && !log.startsWith(target)) {
                Files.deleteIfExists(log);
            }
            return status;
        } catch (IOException e) {
            throw new VmException("cannot prepare the guest's run: " + e.getMessage(), e);
        }
    }

    static GuestConfiguration configuration(GuestImage image, GuestCommand command, List<Path> shares, Path directory)
            throws IOException {
        GuestConfiguration configuration =
                new GuestConfiguration().add("mode", "run").add("kind", image.isProgram() ? "uml" : "qemu");
        image.insert().forEach(module -> configuration.add("module", module));
        configuration.add("modules.directory", GuestCommand.bytes(image.modules()));
        configuration.add(
                "hostname",
                Files.readString(Path.of("/proc/sys/kernel/hostname")).strip());
        if (image.hasItsOwnRoot()) {
            configuration.add("share.tag", QemuProcess.MODULES);
            configuration.add("share.path", GuestCommand.bytes(image.modules()));
        }
        for (int i = 0; i < shares.size(); i++) {
            configuration.add("share.tag", "share" + i);
            configuration.add("share.path", GuestCommand.bytes(shares.get(i)));
        }
        for (String entry : entriesOfTmp(image, command, shares, directory)) {
            configuration.add("keep", entry.getBytes(StandardCharsets.ISO_8859_1));
        }
        configuration.add("umask", command.umask());
        configuration.add("cwd", command.directory());
        command.environment().forEach(entry -> configuration.add("env", entry));
        configuration.add("env", "DBLOCK_GUEST=1");
        command.arguments().forEach(argument -> configuration.add("arg", argument));
        return configuration;
    }

    /**
     * Returns the entries of the host's /tmp that the guest's /tmp has: those that the command's directory, arguments,
     * environment and class path name, and those of this library. As ISO-8859-1 text, which keeps every byte.
     */
    private static Set<String> entriesOfTmp(GuestImage image, GuestCommand command, List<Path> shares, Path directory) {
        Set<String> entries = new TreeSet<>();
        List<byte[]> texts = new ArrayList<>(command.arguments());
        texts.addAll(command.environment());
        List<byte[]> paths = new ArrayList<>();
        command.arguments().forEach(argument -> {
            texts.addAll(argumentFile(argument, directory));
            paths.addAll(classPathOfJar(argument, directory));
        });
        paths.add(GuestCommand.bytes(directory));
        paths.add(GuestCommand.bytes(image.modules()));
        paths.add(GuestCommand.bytes(VmSetup.cache()));
        shares.forEach(share -> paths.add(GuestCommand.bytes(share)));
        addEntries(entries, paths, Pattern.compile("^/tmp/([^/]+)"));
        // In these texts, a space, a quote or a separator ends a name.
        addEntries(entries, texts, Pattern.compile("(?<![^\\s:;,='\"(@])/tmp/([^/\\s:;,'\"()]+)"));
        return entries;
    }

    private static void addEntries(Set<String> entries, List<byte[]> texts, Pattern entry) {
        for (byte[] text : texts) {
            Matcher matcher = entry.matcher(new String(text, StandardCharsets.ISO_8859_1));
            while (matcher.find()) {
                if (!matcher.group(1).matches("\\.\\.?")) {
                    entries.add("/tmp/" + matcher.group(1));
                }
            }
        }
    }

    /** Returns the text of a JVM's argument file, if this argument names one. */
    static List<byte[]> argumentFile(byte[] argument, Path directory) {
        String text = new String(argument, StandardCharsets.UTF_8);
        if (text.length() > 1 && text.startsWith("@")) {
            try {
                return List.of(Files.readAllBytes(directory.resolve(text.substring(1))));
            } catch (IOException | InvalidPathException ignored) {
                // There is no such file, so there is no text to search.
            }
        }
        return List.of();
    }

    /** Returns the class path in the manifest, if this argument is a jar with one, such as Surefire's. */
    static List<byte[]> classPathOfJar(byte[] argument, Path directory) {
        List<byte[]> paths = new ArrayList<>();
        String text = new String(argument, StandardCharsets.UTF_8);
        if (!text.endsWith(".jar")) {
            return paths;
        }
        try (JarFile file = new JarFile(directory.resolve(text).toFile())) {
            Manifest manifest = file.getManifest();
            String classPath =
                    manifest == null ? null : manifest.getMainAttributes().getValue("Class-Path");
            for (String element :
                    classPath == null ? new String[0] : classPath.trim().split(" +", -1)) {
                URI uri = directory.resolve(text).toUri().resolve(element);
                if ("file".equals(uri.getScheme())) {
                    paths.add(GuestCommand.bytes(Path.of(uri).normalize()));
                }
            }
        } catch (IOException | IllegalArgumentException ignored) {
            // There is no such jar, or a path is not valid. The JVM in the guest reports that.
        }
        return paths;
    }

    private static List<Path> shares(Path target, List<Path> asked, VmSettings settings) throws IOException {
        TreeSet<Path> shares = new TreeSet<>();
        if (Files.isDirectory(target)) {
            shares.add(target.toRealPath());
        }
        List<Path> all = new ArrayList<>(asked);
        all.addAll(settings.shares());
        for (Path share : all) {
            if (!Files.isDirectory(share)) {
                throw new VmException("cannot share " + share + " with the guest: it is no directory");
            }
            shares.add(share.toRealPath());
        }
        // A directory inside another one is shared with it.
        List<Path> result = new ArrayList<>();
        for (Path share : shares) {
            if (result.stream().noneMatch(share::startsWith)) {
                result.add(share);
            }
        }
        return result;
    }

    /** Returns the file for what a container engine prints: beside the kernel's, if the guest can write there. */
    private static Path engineLog(Path log, Path target) {
        return log.startsWith(target)
                ? log.resolveSibling(log.getFileName().toString().replace("kernel-", "engine-"))
                : Path.of("/run/docker.log");
    }

    private static Path log(Path target) throws IOException {
        if (!Files.isDirectory(target) || !Files.isWritable(target)) {
            return Files.createTempFile("dblock-vm-kernel", ".log");
        }
        Path directory = Files.createDirectories(target.resolve("dblock-vm"));
        for (String kind : List.of("kernel", "engine")) {
            TreeSet<Path> old = new TreeSet<>();
            try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, kind + "-*.log")) {
                files.forEach(old::add);
            }
            // The names begin with the time, so the oldest come first.
            for (int excess = old.size() - KEPT_LOGS + 1; excess > 0; excess--) {
                Files.deleteIfExists(old.pollFirst());
            }
        }
        String time = LocalDateTime.now(ZoneId.systemDefault()).format(DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss"));
        return directory.resolve(
                "kernel-" + time + "-" + ProcessHandle.current().pid() + ".log");
    }

    /** Prints a line to standard error, unbuffered. Standard output belongs to the command. */
    static void say(String message) {
        try {
            new FileOutputStream(FileDescriptor.err)
                    .write(("junit-dblock: " + message + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (IOException ignored) {
            // Standard error is closed, so nothing can be reported.
        }
    }
}
