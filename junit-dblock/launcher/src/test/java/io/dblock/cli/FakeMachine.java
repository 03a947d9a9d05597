// SPDX-License-Identifier: Apache-2.0
package io.dblock.cli;

import io.dblock.BlockDevice;
import io.dblock.DblockException;
import io.dblock.DeviceSpec;
import io.dblock.ModuleUnavailableException;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.module.ModuleLoader;
import io.dblock.vm.VmOptions;
import io.dblock.vm.VmSetup;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** A machine whose properties the tests set, and which records what the commands do to it. */
final class FakeMachine implements Machine {
    final List<String> done = new CopyOnWriteArrayList<>();
    final List<ModuleLoader.Attempt> attempts = new ArrayList<>();
    final List<VmSetup.Finding> findings = new ArrayList<>();
    volatile DeviceSpec created;
    final List<DeviceInfo> devices = new CopyOnWriteArrayList<>();
    final List<Path> leavings = new ArrayList<>();
    final Set<String> programs = new HashSet<>(PackageManager.PROGRAMS.values());
    /** How often the devices were listed. */
    final AtomicInteger looks = new AtomicInteger();

    boolean guest;
    boolean privileged = true;
    boolean loadable = true;
    String problemOfClose;
    boolean installs = true;
    int failingInstalls;
    VmOptions prepared;
    String problemOfGuest;
    Supplier<OptionalInt> onTermination;

    static DeviceInfo device(int id, String name, long size, DeviceInfo.State state, int openers, int owner) {
        return new DeviceInfo(
                id,
                new DeviceParameters(name, size, 512, 512, 512, 0, 1, 64, 1 << 20, 30000, 512, 0, 0, Set.of()),
                state,
                openers,
                259,
                id,
                owner,
                1,
                0,
                Optional.empty());
    }

    @Override
    public String kernelRelease() {
        return "6.12.0-fake";
    }

    @Override
    public boolean isGuest() {
        return guest;
    }

    @Override
    public boolean isPrivileged() {
        return privileged;
    }

    @Override
    public List<ModuleLoader.Attempt> moduleAttempts() {
        return attempts;
    }

    @Override
    public boolean isModuleLoadable() {
        return loadable;
    }

    @Override
    public void loadModule() {
        if (!loadable) {
            String attempt = "headers: none -> apt-get install headers";
            throw new ModuleUnavailableException("No module.\nAttempted:\n  " + attempt, List.of(attempt), null);
        }
        done.add("load");
    }

    @Override
    public List<VmSetup.Finding> guestFindings() {
        return findings;
    }

    @Override
    public Path prepareJvm(VmOptions options, Consumer<String> progress) {
        prepared = options;
        progress.accept("preparing");
        return options.home().orElse(Path.of("/cache/jvm")).resolve("bin/java");
    }

    @Override
    public int runInGuest(VmOptions options, List<Path> shares, List<String> command) {
        if (problemOfGuest != null) {
            throw new DblockException(problemOfGuest);
        }
        done.add("guest " + options.kernel().orElse("-") + " " + shares + " " + command);
        return 42;
    }

    @Override
    public void writeKernelArtifact(Path directory, Consumer<String> progress) {
        progress.accept("writing");
        done.add("kernel to " + directory);
    }

    @Override
    public Optional<Path> find(String program) {
        return programs.contains(program) ? Optional.of(Path.of("/usr/sbin", program)) : Optional.empty();
    }

    @Override
    public int run(List<String> command) {
        done.add(String.join(" ", command));
        if (command.contains("install")) {
            if (failingInstalls-- > 0) {
                return 100;
            }
            if (installs) {
                command.forEach(name ->
                        Optional.ofNullable(PackageManager.PROGRAMS.get(name)).ifPresent(programs::add));
            }
        }
        return 0;
    }

    @Override
    public List<Path> leavings() {
        return leavings;
    }

    @Override
    public List<DeviceInfo> devices() {
        looks.incrementAndGet();
        return List.copyOf(devices);
    }

    @Override
    public void destroy(String name, boolean force) {
        done.add("destroy " + name + (force ? " by force" : ""));
        devices.removeIf(info -> info.name().equals(name));
    }

    @Override
    public BlockDevice create(DeviceSpec asked) {
        String full = asked.name();
        done.add("create " + full + " " + asked.size());
        created = asked;
        devices.add(device(7, full, asked.size(), DeviceInfo.State.LIVE, 0, 1));
        return (BlockDevice) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {BlockDevice.class}, (proxy, method, arguments) -> {
                    switch (method.getName()) {
                        case "name" -> {
                            return full;
                        }
                        case "path" -> {
                            return Path.of("/dev", full);
                        }
                        case "close" -> {
                            done.add("close " + full);
                            if (problemOfClose != null) {
                                throw new DblockException(problemOfClose);
                            }
                            return null;
                        }
                        default -> throw new UnsupportedOperationException(method.getName());
                    }
                });
    }

    @Override
    public void onTermination(Supplier<OptionalInt> action) {
        onTermination = action;
    }
}
