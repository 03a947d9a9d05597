// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.internal.kernel.Command;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * A small system of another Debian release, to build the module for one of its kernels. It has the kernel's headers and
 * compiler, because the programs of the headers need that release's C library, and their configuration needs its compiler.
 * Needs root.
 */
final class BuildRoot {

    private static final Duration MAKE_LIMIT = Duration.ofMinutes(20);

    /** objtool needs /proc. The mounts end with the command. */
    private static final String ENTER =
            "set -e; root=$1; mount -t proc proc \"$root/proc\"; mount --bind \"$2\" \"$root/mnt\";"
                    + " if [ -n \"$3\" ]; then mkdir -p \"$root$3\"; mount --bind \"$3\" \"$root$3\"; fi; shift 3;"
                    + " exec chroot \"$root\" make -C /mnt \"$@\"";

    private final Path root;
    private final GuestKernel kernel;

    private BuildRoot(Path root, GuestKernel kernel) {
        this.root = root;
        this.kernel = kernel;
    }

    /**
     * Returns the system for a kernel. Makes it if it does not exist.
     *
     * @param directory the directory of all such systems, one directory each
     * @throws VmException if it cannot be made; says what is missing
     */
    static BuildRoot of(Path directory, GuestKernel kernel, DebianSuites suites, Consumer<String> progress) {
        String release = kernel.release();
        String suite = kernel.suite().orElseThrow();
        Path root = directory.resolve(release);
        synchronized (BuildRoot.class) {
            if (!Files.isDirectory(root)) {
                if (!Requirements.isRoot()) {
                    throw new VmException("the module for kernel " + release + " has to be built with the tools of "
                            + suite + ", in a chroot of that release: run this as root");
                }
                make(root, packages(kernel), suites.sources(suite), progress);
            }
        }
        return new BuildRoot(root, kernel);
    }

    /**
     * Returns the packages to install. Headers of another architecture cannot be installed, so the build uses those
     * unpacked in the cache, and a cross compiler of the kernel's release.
     */
    private static String packages(GuestKernel kernel) {
        return "make,binutils,libc6-dev,"
                + (kernel.machine().isThisHosts()
                        ? "linux-headers-" + kernel.release()
                        : "libelf1," + kernel.machine().compilerPackages().get(0));
    }

    private static void make(Path root, String packages, List<String> sources, Consumer<String> progress) {
        Requirements.install("mmdebstrap", progress);
        progress.accept("making a system to build with in " + root);
        try {
            Files.createDirectories(root.getParent());
            Path aside = Files.createTempDirectory(root.getParent(), ".make");
            try {
                Path made = aside.resolve("root");
                List<String> command = new ArrayList<>(List.of(
                        "mmdebstrap",
                        "--quiet",
                        "--variant=apt",
                        "--include=" + packages,
                        // The suite: the first source is the release itself.
                        sources.get(0)
                                .replaceAll(".*] ", "")
                                .replaceAll("^deb ", "")
                                .split(" ", -1)[1],
                        made.toString()));
                command.addAll(sources);
                Command.of(command).within(MAKE_LIMIT).output();
                try {
                    Files.move(made, root, StandardCopyOption.ATOMIC_MOVE);
                } catch (IOException e) {
                    // Another process may have made it meanwhile.
                    if (!Files.isDirectory(root)) {
                        throw e;
                    }
                }
            } finally {
                FileTrees.delete(aside);
            }
        } catch (IOException e) {
            throw new VmException("cannot make " + root + ": " + e.getMessage(), e);
        }
    }

    /** Returns the directory with the unpacked packages of the kernel; the headers refer to it. */
    private static Path unpackedAt(GuestKernel kernel) {
        Path directory = kernel.build().orElseThrow();
        while (!directory.endsWith(kernel.release())) {
            directory = directory.getParent();
        }
        return directory;
    }

    /** Returns the command that builds a module from the sources in this directory, with further arguments of make. */
    List<String> command(Path sources, String... arguments) {
        boolean unpacked = !kernel.machine().isThisHosts();
        String headers =
                unpacked ? kernel.build().orElseThrow().toString() : "/usr/src/linux-headers-" + kernel.release();
        List<String> command = new ArrayList<>(List.of(
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                ENTER,
                "sh",
                root.toString(),
                sources.toString(),
                unpacked ? unpackedAt(kernel).toString() : "",
                "KDIR=" + headers));
        command.addAll(kernel.machine().makeArguments());
        command.addAll(List.of(arguments));
        return command;
    }
}
