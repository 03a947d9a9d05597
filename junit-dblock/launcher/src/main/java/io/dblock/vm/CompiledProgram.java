// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.internal.kernel.Command;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Compiles the C programs of this package on this machine. The cache keeps them by the hash of their source. Safe against
 * other processes that compile the same program.
 */
final class CompiledProgram {

    static final List<String> FLAGS = List.of("-static", "-O2", "-Wall", "-Wextra", "-Werror");

    private static final Duration LIMIT = Duration.ofMinutes(2);

    private CompiledProgram() {}

    /**
     * Returns the path of a program. Compiles it if it is not in the cache.
     *
     * @param name the name of the source file, {@code <program>.c}
     * @param cache the directory that keeps the program
     * @throws VmException if there is no compiler for this machine type, or it fails
     */
    static Path of(String name, Path cache, MachineType machine) throws IOException {
        byte[] source = source(name);
        String program = name.substring(0, name.length() - ".c".length());
        Path binary = cache.resolve(program + "-" + machine.architecture() + "-" + Initramfs.shortHash(source));
        if (Files.exists(binary)) {
            return binary;
        }
        String compiler = machine.compiler();
        Requirements.require(compiler, machine);
        Files.createDirectories(cache);
        Path directory = Files.createTempDirectory(cache, ".compile");
        Path file = directory.resolve(name);
        Path result = directory.resolve(program);
        try {
            Files.write(file, source);
            List<String> command = new ArrayList<>(List.of(compiler));
            command.addAll(FLAGS);
            command.addAll(List.of("-o", result.toString(), file.toString()));
            Command.Result compiled =
                    Command.of(command).in(directory).within(LIMIT).runApart();
            if (compiled.exit() != 0) {
                boolean noLibrary = compiled.errors().contains("cannot find -lc");
                throw new VmException("cannot compile " + name
                        + (noLibrary
                                ? ": the static C library is missing; "
                                        + Requirements.remedy(machine.isThisHosts() ? "libc.a" : compiler, machine)
                                : "")
                        + "\n" + compiled.errors().strip());
            }
            Files.move(result, binary, StandardCopyOption.ATOMIC_MOVE);
            return binary;
        } finally {
            Files.deleteIfExists(file);
            Files.deleteIfExists(result);
            Files.deleteIfExists(directory);
        }
    }

    static byte[] source(String name) throws IOException {
        try (InputStream in = CompiledProgram.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IOException("resource " + name + " is missing beside " + CompiledProgram.class.getName());
            }
            return in.readAllBytes();
        }
    }
}
