// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.module;

import io.dblock.DblockException;
import io.dblock.ModuleUnavailableException;
import io.dblock.internal.kernel.Command;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * Builds the kernel module from the sources in the jar, once per kernel, and keeps the result in
 * {@link CacheDirectory}.
 */
public final class ModuleBuilder {
    /** File locks exclude other processes; this excludes other threads of this process. */
    private static final Object IN_PROCESS = new Object();

    private static final int LOG_LINES = 30;

    private final HostEnvironment host;
    private final ModuleSources sources;

    ModuleBuilder(HostEnvironment host, ModuleSources sources) {
        this.host = host;
        this.sources = sources;
    }

    /**
     * Returns the module for this kernel, cached or built now. Safe against other threads and processes.
     *
     * @param kernelRelease as {@code uname -r} says it in that kernel
     * @param command for the directory with the sources, in which it is run, what leaves {@code dblock.ko} there
     * @return the path of {@code dblock.ko}
     * @throws ModuleUnavailableException if the module cannot be built; the message has the cause, the remedy, and the
     *     end of the build's output
     */
    public static Path build(String kernelRelease, Function<Path, List<String>> command) {
        return new ModuleBuilder(new RealHost(), ModuleSources.fromClassPath()).buildFor(kernelRelease, command);
    }

    /**
     * Keeps a module that was built elsewhere from the same sources, see {@link #sourcesHash}. An existing module
     * stays.
     *
     * @param module the file, which is copied
     */
    public static void keep(String kernelRelease, Path module) throws IOException {
        Path kept = kept(kernelRelease);
        if (!Files.exists(kept)) {
            Files.createDirectories(kept.getParent());
            Path copy = Files.createTempFile(kept.getParent(), "copy", ".ko");
            Files.copy(module, copy, StandardCopyOption.REPLACE_EXISTING);
            // Renamed, so that nobody ever finds half a module.
            Files.move(copy, kept, StandardCopyOption.ATOMIC_MOVE);
        }
    }

    /** Returns where the module for this kernel is kept, if it is. */
    public static Path kept(String kernelRelease) {
        return new ModuleBuilder(new RealHost(), ModuleSources.fromClassPath()).cached(kernelRelease);
    }

    /** Returns twelve hexadecimal digits that change with any byte of this library's module sources. */
    public static String sourcesHash() {
        return ModuleSources.fromClassPath().hash();
    }

    /** Where the module for this kernel is or would be. */
    Path cached(String kernelRelease) {
        return host.cache()
                .resolve("modules")
                .resolve(kernelRelease + "-" + host.machine() + "-" + sources.hash())
                .resolve("dblock.ko");
    }

    Path buildFor(String kernelRelease, Path kernelBuildDirectory) {
        return buildFor(kernelRelease, sources -> List.of("make", "KDIR=" + kernelBuildDirectory));
    }

    private Path buildFor(String kernelRelease, Function<Path, List<String>> make) {
        Path module = cached(kernelRelease);
        if (Files.exists(module)) {
            return module;
        }
        try {
            Files.createDirectories(module.getParent());
            Path lockFile = module.resolveSibling("lock");
            synchronized (IN_PROCESS) {
                try (FileChannel channel =
                                FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                        FileLock lock = channel.lock()) {
                    if (lock.isValid() && !Files.exists(module)) {
                        buildInto(module, kernelRelease, make);
                    }
                }
            }
            return module;
        } catch (IOException e) {
            throw new ModuleUnavailableException(
                    "Cannot build the kernel module for " + kernelRelease + " in " + module.getParent() + ": " + e
                            + ". Set the environment variable DBLOCK_CACHE to a directory that can be written.",
                    e);
        }
    }

    private void buildInto(Path module, String release, Function<Path, List<String>> make) throws IOException {
        Path directory = Files.createTempDirectory(module.getParent(), "build");
        try {
            sources.unpack(directory);
            List<String> command = make.apply(directory);
            Command.Result result;
            try {
                result = host.run(command, directory);
            } catch (DblockException e) {
                throw new ModuleUnavailableException(
                        "Cannot build the kernel module for " + release + ": " + e.getMessage(), e);
            }
            Path log = module.resolveSibling("build.log");
            Files.writeString(log, String.join(" ", command) + "\n" + result.output());
            Path built = directory.resolve("dblock.ko");
            if (result.exit() != 0 || !Files.exists(built)) {
                throw new ModuleUnavailableException("Cannot build the kernel module for " + release + ": \""
                        + String.join(" ", command) + "\" ended with status " + result.exit()
                        + (result.exit() == 0 ? " and left no dblock.ko" : "") + ". The end of " + log + ":\n"
                        + result.tail(LOG_LINES));
            }
            // Renamed, so that nobody ever finds half a module.
            Files.move(built, module, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            try (Stream<Path> tree = Files.walk(directory)) {
                for (Path path : (Iterable<Path>) tree.sorted(Comparator.reverseOrder())::iterator) {
                    Files.delete(path);
                }
            }
        }
    }
}
