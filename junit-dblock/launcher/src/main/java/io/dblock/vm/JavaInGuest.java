// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.DblockException;
import io.dblock.internal.module.CacheDirectory;
import io.dblock.internal.module.JvmOptions;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The main class that {@code bin/java} of a {@link JvmHome} starts: runs the real {@code java} in a guest. It is not a
 * command of the command line, because the parser would add 0.15 s to each start.
 */
public final class JavaInGuest {

    private static final Pattern COLLECTOR = Pattern.compile("-XX:\\+Use[A-Za-z0-9]*GC\\b");

    private JavaInGuest() {}

    /**
     * Runs {@code java}, and ends this process with its status or one of {@link ExitStatus}.
     *
     * @param args the directory of the {@link JvmHome}, then the arguments of {@code java}
     */
    public static void main(String[] args) {
        int status;
        try {
            status = run(Arrays.asList(args));
        } catch (DblockException e) {
            GuestLauncher.say(e.getMessage());
            status = ExitStatus.NOT_STARTED;
        }
        System.exit(status);
    }

    private static int run(List<String> args) {
        Path home = Path.of(args.get(0));
        var properties = GuestImage.read(home.resolve(JvmHome.PROPERTIES));
        GuestImage image = GuestImage.of(properties, home.resolve(JvmHome.PROPERTIES));
        image.check();
        Path realJava = JvmHome.realJavaHome(properties);
        VmSettings settings = VmSettings.current();
        try (PortForwarder ports = PortForwarder.listen(settings.forwardedPorts(), GuestLauncher::say)) {
            AcceleratorChoice choice = AcceleratorChoice.choose(image, settings, VmSetup.cache(), GuestLauncher::say);
            List<String> own = args.subList(1, args.size());
            GuestCommand command = javaCommand(realJava, choice, settings, own);
            ServerArchiveBuild archive =
                    ServerArchiveBuild.begin(CacheDirectory.root(), realJava, classPathTexts(command));
            try (archive) {
                return GuestLauncher.launch(image, choice, settings, command, List.of(), ports);
            }
        }
    }

    private static GuestCommand javaCommand(
            Path realJava, AcceleratorChoice choice, VmSettings settings, List<String> own) {
        Map<String, String> changes = new HashMap<>(GuestLauncher.sameCache());
        changes.put("JAVA_HOME", realJava.toString());
        List<byte[]> arguments = new ArrayList<>();
        arguments.add(GuestCommand.bytes(realJava.resolve("bin/java")));
        if (choice.accelerator() != Accelerator.KVM) {
            // The debug kernel of User Mode Linux may have more, but a guest with it is in no hurry.
            int processors = choice.accelerator() == Accelerator.UML ? 1 : settings.cpus();
            for (String flag : emulationFlags(own, System.getenv(), processors)) {
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

    /**
     * Returns options that make a JVM start faster under emulation and in User Mode Linux. They come before the user's
     * options, which override them. Two garbage collectors are an error, so none is chosen if the user's options, argument
     * files or variables choose one.
     *
     * @param processors how many the guest has
     */
    static List<String> emulationFlags(List<String> arguments, Map<String, String> environment, int processors) {
        List<String> flags = new ArrayList<>(List.of("-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto"));
        // The JVM in the guest is of the same JDK as this one.
        flags.addAll(JvmOptions.fastStart(Runtime.version().feature(), processors));
        boolean chosen = false;
        for (String argument : arguments) {
            chosen |= COLLECTOR.matcher(argument).find();
            if (argument.startsWith("@") && argument.length() > 1) {
                try {
                    String text = Files.readString(Path.of(argument.substring(1)), StandardCharsets.ISO_8859_1);
                    chosen |= COLLECTOR.matcher(text).find();
                } catch (IOException ignored) {
                    // The JVM in the guest reports that.
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

    /**
     * Returns all texts that may name jars of the JVM's class path: its arguments, argument files, the manifests of jars,
     * and CLASSPATH.
     */
    private static List<String> classPathTexts(GuestCommand command) {
        Path directory = Path.of("").toAbsolutePath();
        List<byte[]> texts = new ArrayList<>(command.arguments());
        command.arguments().forEach(argument -> {
            texts.addAll(GuestLauncher.argumentFile(argument, directory));
            texts.addAll(GuestLauncher.classPathOfJar(argument, directory));
        });
        Optional.ofNullable(System.getenv("CLASSPATH"))
                .ifPresent(path -> texts.add(path.getBytes(StandardCharsets.UTF_8)));
        return texts.stream()
                .map(text -> new String(text, StandardCharsets.UTF_8))
                .toList();
    }
}
