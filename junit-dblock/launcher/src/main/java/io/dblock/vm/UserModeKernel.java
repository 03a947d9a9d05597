// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.internal.module.CacheDirectory;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** The kinds of User Mode Linux kernels. {@code kernel.sh} builds them from the distribution's source package. */
enum UserModeKernel {
    /** For the user's tests. {@link VmSettings#UML_KERNEL} may name another one. */
    PLAIN("uml"),
    /** With KASAN and other checks of drivers, and few file systems. */
    DEBUG("uml-debug");

    static final String PROGRAM = "linux";
    static final String CONFIGURATION = "configuration";
    private static final String SCRIPT = "kernel.sh";
    /** More than the script waits for another process that builds, and then needs itself. */
    private static final int MAKE_LIMIT_HOURS = 4;

    private final String text;

    UserModeKernel(String text) {
        this.text = text;
    }

    /** Returns the kind with this name, which users and {@code kernel.sh} give it. */
    static Optional<UserModeKernel> of(String text) {
        return Arrays.stream(values())
                .filter(kernel -> kernel.text.equals(text))
                .findFirst();
    }

    /** Returns whether this host's processor can run User Mode Linux. */
    static boolean isPossible() {
        return MachineType.ofThisHost() == MachineType.X86_64;
    }

    /** Returns the resources that it is built from, beside the source. */
    private List<String> parts() {
        return this == DEBUG ? List.of(text + ".config", text + ".patch") : List.of(text + ".config");
    }

    /** Returns the configuration as {@code kernel.sh} stores it beside a kernel. */
    private byte[] configuration() {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (String part : parts()) {
            all.writeBytes(resource(part));
        }
        return all.toByteArray();
    }

    private Path cache() {
        return CacheDirectory.root().resolve(text + "-kernel");
    }

    @Override
    public String toString() {
        return text;
    }

    /**
     * Returns the kernel that the settings name, or the newest in the cache; empty if there is none.
     *
     * @throws VmException if the named kernel cannot be used
     */
    Optional<GuestKernel> find(VmSettings settings) {
        Optional<Path> named = settings.umlKernel();
        if (this == PLAIN && named.isPresent()) {
            return Optional.of(named(named.get()));
        }
        Path cache = cache();
        try {
            byte[] configuration = configuration();
            List<Path> made = new ArrayList<>();
            if (Files.isDirectory(cache)) {
                try (DirectoryStream<Path> directories = Files.newDirectoryStream(cache)) {
                    for (Path directory : directories) {
                        Path madeOf = directory.resolve(CONFIGURATION);
                        // The build puts the program there last.
                        if (Files.isExecutable(directory.resolve(PROGRAM))
                                && Files.exists(madeOf)
                                && Arrays.equals(Files.readAllBytes(madeOf), configuration)) {
                            made.add(directory);
                        }
                    }
                }
            }
            List<String> versions = made.stream()
                    .map(directory -> directory.getFileName().toString())
                    .toList();
            return DebianPackages.newest(versions, "")
                    .map(version -> of(cache.resolve(version).resolve(PROGRAM), "made from the source of " + version));
        } catch (IOException e) {
            throw new VmException("cannot look for a kernel of User Mode Linux in " + cache + ": " + e.getMessage(), e);
        }
    }

    /**
     * Returns the kernel; if there is none, takes one from the {@link UserModeKernelArtifact}.
     *
     * @throws VmException if the named kernel cannot be used
     */
    Optional<GuestKernel> find(VmSettings settings, Consumer<String> progress) {
        Optional<GuestKernel> kernel = find(settings);
        if (kernel.isPresent() || this != PLAIN) {
            return kernel;
        }
        return UserModeKernelArtifact.find()
                .filter(artifact -> artifact.unpack(cache(), configuration(), progress))
                .flatMap(artifact -> find(settings));
    }

    /** Writes the content of the {@link UserModeKernelArtifact}: the kernel, its module, and the script that builds it. */
    static void writeArtifact(Path to, Consumer<String> progress) {
        GuestKernel kernel = VmSetup.userModeKernel(PLAIN, VmSettings.current(), progress);
        try {
            UserModeKernelArtifact.write(to, kernel, VmSetup.module(kernel, progress), resource(SCRIPT));
        } catch (IOException e) {
            throw new VmException("cannot write the kernel " + kernel.image() + " to " + to + ": " + e, e);
        }
    }

    /**
     * Builds the kernel, which takes minutes. Waits if another process builds it.
     *
     * @throws VmException if it cannot be built here; says why
     */
    void make(Consumer<String> progress) {
        Path directory = null;
        try {
            directory = Files.createTempDirectory("dblock-vm-kernel");
            Files.write(directory.resolve(SCRIPT), resource(SCRIPT));
            for (String part : parts()) {
                Files.write(directory.resolve(part), resource(part));
            }
            Process process = new ProcessBuilder("sh", directory.resolve(SCRIPT).toString(), text)
                    .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
                    .redirectErrorStream(true)
                    .start();
            // This also ends the output, which is read below.
            CompletableFuture<Process> unused = process.onExit()
                    .orTimeout(MAKE_LIMIT_HOURS, TimeUnit.HOURS)
                    .whenComplete((ended, late) -> {
                        if (late != null) {
                            process.descendants().forEach(ProcessHandle::destroyForcibly);
                            process.destroyForcibly();
                        }
                    });
            String last = "";
            try (BufferedReader lines =
                    new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    progress.accept(line);
                    last = line;
                }
            } finally {
                process.descendants().forEach(ProcessHandle::destroy);
            }
            int status = process.waitFor();
            if (status != 0) {
                throw new VmException(
                        "the kernel of User Mode Linux could not be built (status " + status + "): " + last);
            }
        } catch (IOException e) {
            throw new VmException("cannot build the kernel of User Mode Linux: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new VmException("interrupted while the kernel of User Mode Linux was built", e);
        } finally {
            delete(directory);
        }
    }

    private static void delete(Path directory) {
        try {
            if (directory != null) {
                FileTrees.delete(directory);
            }
        } catch (IOException ignored) {
            // Only a few small temporary files are left.
        }
    }

    private static byte[] resource(String name) {
        try (InputStream in = UserModeKernel.class.getResourceAsStream("kernels/" + name)) {
            if (in == null) {
                throw new IOException(
                        "resource kernels/" + name + " is missing beside " + UserModeKernel.class.getName());
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new VmException("cannot read the resource kernels/" + name + ": " + e.getMessage(), e);
        }
    }

    private static GuestKernel named(Path program) {
        if (!program.isAbsolute() || !Files.isExecutable(program)) {
            throw new VmException(VmSettings.UML_KERNEL + "=" + program
                    + ": must be the absolute path of a kernel that is a program (ARCH=um); "
                    + (Files.exists(program) ? "this is not an executable one" : "there is no such file"));
        }
        return of(program, "named");
    }

    private static GuestKernel of(Path program, String origin) {
        Path all = program.resolveSibling("lib/modules");
        try (DirectoryStream<Path> releases = Files.newDirectoryStream(all)) {
            List<Path> found = new ArrayList<>();
            releases.forEach(found::add);
            if (found.size() != 1) {
                throw new VmException(all + " has " + found.size() + " directories, and must have the one of " + program
                        + ", which is called as its release");
            }
            Path modules = found.get(0).toRealPath();
            return new GuestKernel(
                    MachineType.ofThisHost(),
                    modules.getFileName().toString(),
                    program.toRealPath(),
                    true,
                    modules,
                    Optional.of(modules.resolve("build")).filter(build -> Files.exists(build.resolve("Makefile"))),
                    Optional.empty(),
                    origin);
        } catch (IOException e) {
            throw new VmException("cannot find the modules of " + program + ": " + e.getMessage(), e);
        }
    }
}
