// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.module;

import io.dblock.DblockException;
import io.dblock.handler.Errno;
import io.dblock.internal.kernel.Command;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.FakeKernel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** A machine made of a directory, on which everything works until a test takes something away. */
final class FakeHost implements HostEnvironment {
    static final String RELEASE = "6.12.1-test";

    final Path root;
    final FakeKernel kernel = new FakeKernel();
    final Set<String> programs = new HashSet<>(Set.of("make", "gcc"));
    final List<List<String>> commands = new ArrayList<>();
    final List<Path> loaded = new ArrayList<>();
    final List<String> unloaded = new ArrayList<>();
    long capabilities = -1L;
    int loadResult;
    int buildExit;
    String buildOutput = "";
    boolean buildLeavesModule = true;

    FakeHost(Path root) {
        this.root = root;
        write("proc/modules", "");
        write("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
        write("lib/modules/" + RELEASE + "/build/Makefile", "");
        kernel.refusingToOpen(Errno.ENOENT);
    }

    void write(String path, String content) {
        try {
            Files.createDirectories(root.resolve(path).getParent());
            Files.writeString(root.resolve(path), content);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    void delete(String path) {
        try {
            Files.delete(root.resolve(path));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public Path root() {
        return root;
    }

    @Override
    public String kernelRelease() {
        return RELEASE;
    }

    @Override
    public String machine() {
        return "x86_64";
    }

    @Override
    public long capabilities() {
        return capabilities;
    }

    @Override
    public boolean hasProgram(String name) {
        return programs.contains(name);
    }

    @Override
    public Path cache() {
        Path cache = root.resolve("cache");
        try {
            return Files.createDirectories(cache);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public ControlSession openSession() {
        return kernel.session();
    }

    @Override
    public Command.Result run(List<String> command, Path directory) {
        commands.add(command);
        if (!Files.exists(directory.resolve("Makefile"))) {
            throw new DblockException("no sources in " + directory);
        }
        if (buildExit == 0 && buildLeavesModule) {
            try {
                Files.writeString(directory.resolve("dblock.ko"), "a module");
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return new Command.Result(buildExit, buildOutput, "");
    }

    @Override
    public int loadModule(Path file) {
        if (!Files.exists(file)) {
            return -Errno.ENOENT.number();
        }
        loaded.add(file);
        if (loadResult == 0) {
            kernel.refusingToOpen(null);
        }
        return loadResult;
    }

    @Override
    public int unloadModule(String name) {
        unloaded.add(name);
        return 0;
    }
}
