// SPDX-License-Identifier: Apache-2.0
package io.dblock.cli;

import io.dblock.BlockDevice;
import io.dblock.DeviceSpec;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.module.ModuleLoader;
import io.dblock.vm.VmOptions;
import io.dblock.vm.VmSetup;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** All that the commands see and do of the machine they run on, so that their tests can bring another one. */
interface Machine {

    /** The running kernel, as {@code uname -r} says it. */
    String kernelRelease();

    /** Whether this is a guest of ours. */
    boolean isGuest();

    /** Whether this process may load modules and make devices: has CAP_SYS_ADMIN. */
    boolean isPrivileged();

    /** The ways to the module on this machine, without going any. */
    List<ModuleLoader.Attempt> moduleAttempts();

    /** Whether {@link #loadModule()} would succeed, as far as can be told without trying. */
    boolean isModuleLoadable();

    /**
     * Loads the module, building it if need be.
     *
     * @throws io.dblock.ModuleUnavailableException if that is not possible
     */
    void loadModule();

    /** What a guest needs on this machine. */
    List<VmSetup.Finding> guestFindings();

    /** Prepares the JDK-shaped directory and all it needs; its {@code bin/java}. */
    Path prepareJvm(VmOptions options, Consumer<String> progress);

    /** Runs a command in a guest on our own standard streams; its exit status. */
    int runInGuest(VmOptions options, List<Path> shares, List<String> command);

    /** Writes what the jar with a kernel of User Mode Linux has. */
    void writeKernelArtifact(Path directory, Consumer<String> progress);

    /** Where a program is, as a shell or, for what is kept from users' paths, root's shell would find it. */
    Optional<Path> find(String program);

    /** Runs a program with its output on our standard error; its exit status. */
    int run(List<String> command);

    /** Directories that crashed runs have left behind. */
    List<Path> leavings();

    /**
     * All devices of the module.
     *
     * @throws io.dblock.DblockException if the module is not loaded
     */
    List<DeviceInfo> devices();

    /** Removes a device; {@code force} although it is open. */
    void destroy(String name, boolean force);

    /** Makes a device that this process serves. */
    BlockDevice create(DeviceSpec asked);

    /**
     * Has {@code action} run when the process is told to end, by a signal; what it returns is the exit status then, instead
     * of the signal's, unless it is empty.
     */
    void onTermination(Supplier<OptionalInt> action);
}
