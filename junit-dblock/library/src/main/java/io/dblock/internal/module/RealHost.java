// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.module;

import io.dblock.DblockException;
import io.dblock.internal.kernel.Command;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.Libc;
import io.dblock.internal.kernel.Linux;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** The machine this JVM runs on. */
final class RealHost implements HostEnvironment {
    /** A build under emulation takes a minute or two. */
    private static final Duration BUILD_LIMIT = Duration.ofMinutes(15);

    @Override
    public Path root() {
        return Path.of("/");
    }

    @Override
    public String kernelRelease() {
        return read("/proc/sys/kernel/osrelease").strip();
    }

    @Override
    public String machine() {
        String arch = System.getProperty("os.arch");
        return arch.equals("amd64") ? "x86_64" : arch;
    }

    @Override
    public long capabilities() {
        return read("/proc/self/status")
                .lines()
                .filter(line -> line.startsWith("CapEff:"))
                .mapToLong(line -> Long.parseUnsignedLong(line.substring(7).strip(), 16))
                .findFirst()
                .orElse(0);
    }

    @Override
    public boolean hasProgram(String name) {
        return Command.find(name).isPresent();
    }

    @Override
    public Path cache() {
        return CacheDirectory.root();
    }

    @Override
    public ControlSession openSession() {
        return ControlSession.open();
    }

    @Override
    public Command.Result run(List<String> command, Path directory) {
        return Command.of(command).in(directory).within(BUILD_LIMIT).run();
    }

    @Override
    public int loadModule(Path file) {
        int fd = Libc.INSTANCE.open(file.toString(), Linux.O_RDONLY | Linux.O_CLOEXEC);
        if (fd < 0) {
            return fd;
        }
        try {
            return Libc.INSTANCE.finitModule(fd);
        } finally {
            Libc.INSTANCE.close(fd);
        }
    }

    @Override
    public int unloadModule(String name) {
        return Libc.INSTANCE.deleteModule(name, Linux.O_NONBLOCK);
    }

    private static String read(String file) {
        try {
            return Files.readString(Path.of(file));
        } catch (IOException e) {
            throw new DblockException("Cannot read " + file + ": " + e + ". Is /proc mounted?", e);
        }
    }
}
