// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.DblockException;
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
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The guest's command line: {@code run} any command in a guest, {@code prepare} what tests in a guest need,
 * {@code java-in-guest}, which the {@code bin/java} of a {@link JvmHome} calls, and {@code kernel-artifact}, which writes what the jar
 * with a kernel has.
 */
public final class Main {

    private static final int KEPT_LOGS = 10;
    private static final Pattern COLLECTOR = Pattern.compile("-XX:\\+Use[A-Za-z0-9]*GC\\b");

    private static final String USAGE =
            """
            usage: run [--kernel RELEASE[/ARCHITECTURE]|IMAGE] [--share DIR]... [--memory MIB]
                       [--] COMMAND [ARGUMENT]...
                   prepare [--kernel RELEASE|IMAGE] [--home DIR] [--java-home DIR]
                   java-in-guest HOME [ARGUMENT]...
                   kernel-artifact DIR""";

    private Main() {}

    /** Runs one of the commands and ends the process with its status. */
    public static void main(String[] args) {
        int status;
        try {
            status = run(args);
        } catch (UsageException e) {
            say(e.getMessage());
            status = ExitStatus.USAGE;
        } catch (DblockException e) {
            say(e.getMessage());
            status = ExitStatus.NOT_STARTED;
        }
        System.exit(status);
    }

    private static final class UsageException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        UsageException(String message) {
            super(message + "\n" + USAGE);
        }
    }

    private static int run(String[] args) {
        if (args.length == 0) {
            throw new UsageException("no command");
        }
        List<String> rest = Arrays.asList(args).subList(1, args.length);
        return switch (args[0]) {
            case "java-in-guest" -> javaInGuest(rest);
            case "run" -> runCommand(rest);
            case "prepare" -> prepare(rest);
            case "kernel-artifact" -> kernelArtifact(rest);
            default -> throw new UsageException("unknown command '" + args[0] + "'");
        };
    }

    private static int kernelArtifact(List<String> args) {
        if (args.size() != 1) {
            throw new UsageException("kernel-artifact needs a directory");
        }
        UserModeKernel.writeArtifact(Path.of(args.get(0)).toAbsolutePath(), Main::say);
        return 0;
    }

    private static int prepare(List<String> args) {
        VmOptions options = VmOptions.defaults();
        for (int i = 0; i < args.size(); i += 2) {
            String value = i + 1 < args.size() ? args.get(i + 1) : null;
            if (value == null) {
                throw new UsageException(args.get(i) + " needs a value");
            }
            options = switch (args.get(i)) {
                case "--kernel" -> options.withKernel(value);
                case "--home" -> options.withHome(Path.of(value).toAbsolutePath());
                case "--java-home" -> options.withJavaHome(Path.of(value));
                default -> throw new UsageException("unknown option " + args.get(i));
            };
        }
        System.out.println(VmSetup.prepare(options, Main::say).java());
        return 0;
    }

    private static int runCommand(List<String> args) {
        VmOptions options = VmOptions.defaults();
        List<Path> shares = new ArrayList<>();
        int i = 0;
        for (; i < args.size() && args.get(i).startsWith("--"); i += 2) {
            if (args.get(i).equals("--")) {
                i++;
                break;
            }
            if (i + 1 == args.size()) {
                throw new UsageException(args.get(i) + " needs a value");
            }
            String value = args.get(i + 1);
            switch (args.get(i)) {
                case "--kernel" -> options = options.withKernel(value);
                case "--share" -> shares.add(Path.of(value));
                case "--memory" -> System.setProperty("dblock.vm.memory", value);
                default -> throw new UsageException("unknown option " + args.get(i));
            }
        }
        if (i >= args.size()) {
            throw new UsageException("no command to run");
        }
        return runInGuest(options, shares, args.subList(i, args.size()));
    }

    /**
     * Runs a command in a guest on this process's standard streams, environment, directory and last arguments.
     *
     * @param options which kernel
     * @param shares directories the guest may write to, besides {@code target} of the working directory
     * @param command the last arguments of this process
     * @return the exit status for this process, see {@link ExitStatus}
     */
    public static int runInGuest(VmOptions options, List<Path> shares, List<String> command) {
        VmSettings settings = VmSettings.current();
        try (PortForwarder ports = PortForwarder.listen(settings.forwardedPorts(), Main::say)) {
            GuestImage image = VmSetup.image(options, settings, Main::say);
            List<byte[]> arguments = GuestCommand.lastArgumentsOfThisProcess(command.size(), command);
            AcceleratorChoice choice = AcceleratorChoice.choose(image, settings, VmSetup.cache(), Main::say);
            return launch(image, choice, settings, GuestCommand.ofThisProcess(arguments, sameCache()), shares, ports);
        }
    }

    private static int javaInGuest(List<String> args) {
        if (args.isEmpty()) {
            throw new UsageException("java-in-guest needs the directory made by setup");
        }
        Path home = Path.of(args.get(0));
        var properties = GuestImage.read(home.resolve(JvmHome.PROPERTIES));
        GuestImage image = GuestImage.of(properties, home.resolve(JvmHome.PROPERTIES));
        image.check();
        Path realJava = JvmHome.realJavaHome(properties);
        VmSettings settings = VmSettings.current();
        try (PortForwarder ports = PortForwarder.listen(settings.forwardedPorts(), Main::say)) {
            AcceleratorChoice choice = AcceleratorChoice.choose(image, settings, VmSetup.cache(), Main::say);
            List<String> own = args.subList(1, args.size());
            GuestCommand command = javaCommand(realJava, choice, own);
            ServerArchiveBuild archive =
                    ServerArchiveBuild.begin(CacheDirectory.root(), realJava, classPathTexts(command));
            try (archive) {
                return launch(image, choice, settings, command, List.of(), ports);
            }
        }
    }

    private static GuestCommand javaCommand(Path realJava, AcceleratorChoice choice, List<String> own) {
        Map<String, String> changes = new HashMap<>(sameCache());
        changes.put("JAVA_HOME", realJava.toString());
        List<byte[]> arguments = new ArrayList<>();
        arguments.add(GuestCommand.bytes(realJava.resolve("bin/java")));
        if (choice.accelerator() != Accelerator.KVM) {
            for (String flag : emulationFlags(own, System.getenv())) {
                arguments.add(flag.getBytes(StandardCharsets.US_ASCII));
            }
        }
        arguments.addAll(GuestCommand.lastArgumentsOfThisProcess(own.size(), own));
        for (String variable : JvmHome.JVM_VARIABLES) {
            String kept = System.getenv(JvmHome.KEPT_PREFIX + variable);
            if (kept != null) {
                changes.put(variable, kept);
                changes.put(JvmHome.KEPT_PREFIX + variable, null);
            }
        }
        return GuestCommand.ofThisProcess(arguments, changes);
    }

    /** The guest's user is root and has another home, where this library would look for its cache. */
    private static Map<String, String> sameCache() {
        return Map.of(CacheDirectory.VARIABLE, CacheDirectory.root().toString());
    }

    /**
     * What makes a JVM start faster under emulation and in User Mode Linux. They come before the user's own, which so win; but two collectors
     * at once are an error, so none is chosen if the user's options, or the files and variables they are in, have one.
     */
    static List<String> emulationFlags(List<String> arguments, Map<String, String> environment) {
        List<String> flags = new ArrayList<>(List.of("-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto"));
        boolean chosen = false;
        for (String argument : arguments) {
            chosen |= COLLECTOR.matcher(argument).find();
            if (argument.startsWith("@") && argument.length() > 1) {
                try {
                    String text = Files.readString(Path.of(argument.substring(1)), StandardCharsets.ISO_8859_1);
                    chosen |= COLLECTOR.matcher(text).find();
                } catch (IOException ignored) {
                    // The JVM in the guest will say so.
                }
            }
        }
        for (String variable : JvmHome.JVM_VARIABLES) {
            chosen |= COLLECTOR.matcher(environment.getOrDefault(variable, "")).find();
            chosen |= COLLECTOR
                    .matcher(environment.getOrDefault(JvmHome.KEPT_PREFIX + variable, ""))
                    .find();
        }
        if (!chosen) {
            flags.add("-XX:+UseSerialGC");
        }
        return flags;
    }

    private static int launch(
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
            say("guest with kernel " + image.release() + ", " + (image.isProgram() ? "" : settings.cpus() + " CPUs, ")
                    + settings.memoryMiB(image.machine()) + " MiB, under " + choice.accelerator() + " ("
                    + choice.reason() + "), " + GuestSpeed.expectation(choice.accelerator())
                    + (settings.accelerator().isPresent()
                                    ? Optional.<String>empty()
                                    : new GuestSpeed().faster(choice.accelerator()))
                            .map(faster -> "; faster here: " + faster)
                            .orElse("")
                    + "; kernel log: " + log);
            GuestConfiguration configuration = configuration(image, command, shares, directory);
            int status = new GuestRun(image, choice.accelerator(), settings, ports, Main::say)
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
     * The guest's /tmp is empty, but for what the command needs of the host's: what its directory, its arguments, its
     * environment and its class path name, and this library's own. As ISO-8859-1 text, which keeps every byte.
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
        // In free text a space or a quote ends a name.
        addEntries(entries, texts, Pattern.compile("(?<![^\\s:;,='\"(@])/tmp/([^/\\s:;,'\"()]+)"));
        return entries;
    }

    /** What may name the jars of a JVM's class path: its arguments and their files, jars that name others, its environment. */
    private static List<String> classPathTexts(GuestCommand command) {
        Path directory = Path.of("").toAbsolutePath();
        List<byte[]> texts = new ArrayList<>(command.arguments());
        command.arguments().forEach(argument -> {
            texts.addAll(argumentFile(argument, directory));
            texts.addAll(classPathOfJar(argument, directory));
        });
        Optional.ofNullable(System.getenv("CLASSPATH"))
                .ifPresent(path -> texts.add(path.getBytes(StandardCharsets.UTF_8)));
        return texts.stream()
                .map(text -> new String(text, StandardCharsets.UTF_8))
                .toList();
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

    /** The text of the JVM's argument file, if that is what this argument is. */
    private static List<byte[]> argumentFile(byte[] argument, Path directory) {
        String text = new String(argument, StandardCharsets.UTF_8);
        if (text.length() > 1 && text.startsWith("@")) {
            try {
                return List.of(Files.readAllBytes(directory.resolve(text.substring(1))));
            } catch (IOException | InvalidPathException ignored) {
                // No such file: it names nothing that could be looked for.
            }
        }
        return List.of();
    }

    /** The files of the class path in a jar's manifest, if this argument is such a jar: Surefire's is. */
    private static List<byte[]> classPathOfJar(byte[] argument, Path directory) {
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
            // No such file, no jar, or a path that is none: the JVM in the guest will say so.
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
        // A directory below another one is shared with it.
        List<Path> result = new ArrayList<>();
        for (Path share : shares) {
            if (result.stream().noneMatch(share::startsWith)) {
                result.add(share);
            }
        }
        return result;
    }

    private static Path log(Path target) throws IOException {
        if (!Files.isDirectory(target) || !Files.isWritable(target)) {
            return Files.createTempFile("dblock-vm-kernel", ".log");
        }
        Path directory = Files.createDirectories(target.resolve("dblock-vm"));
        TreeSet<Path> old = new TreeSet<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "kernel-*.log")) {
            files.forEach(old::add);
        }
        // Named by time, so the first are the oldest.
        for (int excess = old.size() - KEPT_LOGS + 1; excess > 0; excess--) {
            Files.deleteIfExists(old.pollFirst());
        }
        String time = LocalDateTime.now(ZoneId.systemDefault()).format(DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss"));
        return directory.resolve(
                "kernel-" + time + "-" + ProcessHandle.current().pid() + ".log");
    }

    /** A line to standard error, past any buffering: standard output belongs to the command. */
    private static void say(String message) {
        try {
            new FileOutputStream(FileDescriptor.err)
                    .write(("junit-dblock: " + message + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (IOException ignored) {
            // There is nowhere left to complain to.
        }
    }
}
