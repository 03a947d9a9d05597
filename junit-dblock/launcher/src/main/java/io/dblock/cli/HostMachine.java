// SPDX-License-Identifier: Apache-2.0
package io.dblock.cli;

import io.dblock.BlockDevice;
import io.dblock.DblockException;
import io.dblock.DeviceSpec;
import io.dblock.internal.device.StaleRuns;
import io.dblock.internal.kernel.Command;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.module.ModuleLoader;
import io.dblock.vm.GuestLauncher;
import io.dblock.vm.VmOptions;
import io.dblock.vm.VmSetup;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** The machine that this process runs on. */
final class HostMachine implements Machine {
    private static final int CAP_SYS_ADMIN = 21;

    @Override
    public String kernelRelease() {
        return read("/proc/sys/kernel/osrelease").strip();
    }

    @Override
    public boolean isGuest() {
        return "1".equals(System.getenv("DBLOCK_GUEST"));
    }

    @Override
    public boolean isPrivileged() {
        for (String line : read("/proc/self/status").lines().toList()) {
            if (line.startsWith("CapEff:")) {
                long capabilities = Long.parseUnsignedLong(
                        line.substring("CapEff:".length()).strip(), 16);
                return (capabilities & 1L << CAP_SYS_ADMIN) != 0;
            }
        }
        return false;
    }

    private static String read(String file) {
        try {
            return Files.readString(Path.of(file));
        } catch (IOException e) {
            throw new DblockException("Cannot read " + file + ": " + e + ". Is /proc mounted?", e);
        }
    }

    @Override
    public List<ModuleLoader.Attempt> moduleAttempts() {
        return ModuleLoader.diagnose();
    }

    @Override
    public boolean isModuleLoadable() {
        return isPrivileged() && ModuleLoader.isLoadable();
    }

    @Override
    public void loadModule() {
        ModuleLoader.ensureLoaded();
    }

    @Override
    public List<VmSetup.Finding> guestFindings() {
        return VmSetup.diagnose();
    }

    @Override
    public Path prepareJvm(VmOptions options, Consumer<String> progress) {
        return VmSetup.prepare(options, progress).java();
    }

    @Override
    public int runInGuest(VmOptions options, List<Path> shares, List<String> command) {
        return GuestLauncher.runInGuest(options, shares, command);
    }

    @Override
    public void writeKernelArtifact(Path directory, Consumer<String> progress) {
        VmSetup.writeKernelArtifact(directory, progress);
    }

    @Override
    public Optional<Path> find(String program) {
        return Command.find(program);
    }

    @Override
    public int run(List<String> command) {
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("DEBIAN_FRONTEND", "noninteractive");
        // Standard output is for the path that 'setup' prints.
        builder.redirectInput(ProcessBuilder.Redirect.from(new java.io.File("/dev/null")));
        builder.redirectErrorStream(true);
        try {
            Process process = builder.start();
            process.getInputStream().transferTo(System.err);
            return process.waitFor();
        } catch (IOException e) {
            throw new DblockException("Cannot run '" + String.join(" ", command) + "': " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DblockException("Interrupted while '" + String.join(" ", command) + "' ran.", e);
        }
    }

    @Override
    public List<Path> leavings() {
        return StaleRuns.find();
    }

    @Override
    public List<DeviceInfo> devices() {
        try (ControlSession session = ControlSession.open()) {
            return session.list();
        }
    }

    @Override
    public void destroy(String name, boolean force) {
        try (ControlSession session = ControlSession.open()) {
            session.destroy(name, force);
        }
    }

    @Override
    public BlockDevice create(DeviceSpec asked) {
        return BlockDevice.builder().spec(asked).create();
    }

    @Override
    public void onTermination(Supplier<OptionalInt> action) {
        // An interrupt is the usual end of some commands, but the JVM would exit with the status of the signal.
        Runtime.getRuntime()
                .addShutdownHook(new Thread(
                        () -> action.get()
                                .ifPresent(status -> Runtime.getRuntime().halt(status)),
                        "dblock-termination"));
    }
}
