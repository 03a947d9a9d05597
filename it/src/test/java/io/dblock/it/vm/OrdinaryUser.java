// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.internal.module.CacheDirectory;
import io.dblock.it.support.ClassPath;
import io.dblock.it.support.Commands;
import io.dblock.vm.VmOptions;
import io.dblock.vm.VmSetup;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The launcher as a user without any privilege has it: in a directory of its own below {@code target}, with a home in which there
 * is a copy of what it needs of the cache, and with one of the class path. Started by root, this is user 65534; else it is who runs the tests.
 */
final class OrdinaryUser {

    private static final String NOBODY = "65534";
    private static final boolean ROOT = Commands.run("id", "-u").strip().equals("0");

    private final Path directory;
    private final String classPath;

    /** Makes its directory afresh. */
    OrdinaryUser(String name) throws IOException {
        // First: makes what is to be copied.
        Path module = VmSetup.module(VmOptions.defaults().withKernel("uml"), System.err::println);
        Path home = Path.of("target/vm-it").toAbsolutePath().resolve(name);
        Commands.run("rm", "-rf", home);
        directory = home.resolve("work");
        Files.createDirectories(directory.resolve("target"));
        classPath = ClassPath.copyTo(home.resolve("class-path"));
        copyCache(module, cache());
        if (ROOT) {
            Commands.run("chown", "-R", NOBODY + ":" + NOBODY, home);
        }
        assertThat(Commands.tryRun(asUser("test", "-r", module(cache()).toString()))
                        .status())
                .as("an ordinary user reads %s; each directory above has to be open to others", cache())
                .isZero();
    }

    private Path cache() {
        return directory.resolveSibling("home/.cache/junit-dblock");
    }

    /** All but what kernels and modules are built from. */
    private static void copyCache(Path module, Path copy) throws IOException {
        Path root = CacheDirectory.root();
        try (DirectoryStream<Path> kernels = Files.newDirectoryStream(root.resolve("uml-kernel"))) {
            for (Path kernel : kernels) {
                if (Files.exists(kernel.resolve("linux"))) {
                    Path to = Files.createDirectories(copy.resolve(root.relativize(kernel)));
                    for (String file : List.of("linux", "configuration", "lib")) {
                        Commands.run("cp", "-r", kernel.resolve(file), to);
                    }
                }
            }
        }
        Path modules = copy.resolve(root.relativize(module)).getParent();
        Files.createDirectories(modules);
        Commands.run("cp", module, modules);
    }

    private static Path module(Path cache) throws IOException {
        try (DirectoryStream<Path> modules = Files.newDirectoryStream(cache.resolve("modules"))) {
            return modules.iterator().next().resolve("dblock.ko");
        }
    }

    private static Object[] asUser(String... command) {
        List<String> words = new ArrayList<>();
        if (ROOT) {
            words.addAll(List.of("setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--no-new-privs"));
        }
        words.addAll(List.of(command));
        return words.toArray();
    }

    /** The directory it starts in, with a {@code target} in it. */
    Path directory() {
        return directory;
    }

    /** How the launcher ended, and all that was printed. */
    record Result(int status, String output) {}

    /** Runs a Java program of this class path in a guest of User Mode Linux. */
    Result runJava(long limitSeconds, Map<String, String> environment, Class<?> program, String... arguments)
            throws Exception {
        return run(limitSeconds, List.of(), environment, javaCommand(program, arguments));
    }

    /** What runs a Java program of this class path. */
    String[] javaCommand(Class<?> program, String... arguments) {
        List<String> words = new ArrayList<>(
                List.of(java(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classPath, program.getName()));
        words.addAll(List.of(arguments));
        return words.toArray(String[]::new);
    }

    private static String java() {
        return Path.of(System.getProperty("java.home"), "bin/java").toString();
    }

    /**
     * Runs a command in a guest of User Mode Linux.
     *
     * @param starter what runs the launcher, which is given as its arguments; if empty, it is run as the user
     */
    Result run(long limitSeconds, List<String> starter, Map<String, String> environment, String... command)
            throws Exception {
        List<String> launcher = new ArrayList<>(List.of(
                java(),
                "-Duser.home=" + directory.resolveSibling("home"),
                "-XX:TieredStopAtLevel=1",
                "-cp",
                classPath,
                "io.dblock.cli.Main",
                "vm",
                "run",
                "--kernel",
                "uml",
                "--"));
        launcher.addAll(List.of(command));
        List<String> words = new ArrayList<>(starter);
        if (starter.isEmpty()) {
            for (Object word : asUser(launcher.toArray(String[]::new))) {
                words.add(word.toString());
            }
        } else {
            words.addAll(launcher);
        }
        Path output = directory.resolveSibling("output.txt");
        ProcessBuilder builder = new ProcessBuilder(words)
                .directory(directory.toFile())
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
        for (String variable : List.of("HOME", "XDG_CACHE_HOME", CacheDirectory.VARIABLE)) {
            builder.environment().remove(variable);
        }
        builder.environment().putAll(environment);
        Process process = builder.start();
        try {
            if (!process.waitFor(limitSeconds, TimeUnit.SECONDS)) {
                throw new AssertionError("'" + String.join(" ", words) + "' did not end within " + limitSeconds
                        + " s:\n" + Files.readString(output));
            }
        } finally {
            process.destroyForcibly();
        }
        return new Result(process.exitValue(), Files.readString(output));
    }
}
