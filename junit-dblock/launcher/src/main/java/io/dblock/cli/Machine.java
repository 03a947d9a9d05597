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

/** Everything that the commands read and change on their machine. Unit tests have their own. */
interface Machine {

    /** Returns the release of the running kernel, as {@code uname -r} prints it. */
    String kernelRelease();

    /** Returns whether this machine is a guest of this library. */
    boolean isGuest();

    /** Returns whether this process has CAP_SYS_ADMIN, and so may load modules and make devices. */
    boolean isPrivileged();

    /** Returns the ways to load the module on this machine, with what is missing for each. Tries none. */
    List<ModuleLoader.Attempt> moduleAttempts();

    /** Returns whether {@link #loadModule()} would probably succeed. */
    boolean isModuleLoadable();

    /**
     * Loads the module, and builds it first if needed.
     *
     * @throws io.dblock.ModuleUnavailableException if that is not possible
     */
    void loadModule();

    /** Returns what a guest needs on this machine. */
    List<VmSetup.Finding> guestFindings();

    /** Prepares the directory that looks like a JDK, and everything it needs. Returns its {@code bin/java}. */
    Path prepareJvm(VmOptions options, Consumer<String> progress);

    /** Runs a command in a guest on the standard streams of this process. Returns its exit status. */
    int runInGuest(VmOptions options, List<Path> shares, List<String> command);

    /** Writes the content of the jar with a kernel of User Mode Linux. */
    void writeKernelArtifact(Path directory, Consumer<String> progress);

    /** Returns the path of a program. Searches the PATH, and the directories that only root's PATH usually has. */
    Optional<Path> find(String program);

    /** Runs a program with its output on the standard error of this process. Returns its exit status. */
    int run(List<String> command);

    /** Returns the directories that crashed runs have left. */
    List<Path> leavings();

    /**
     * Returns all devices of the module.
     *
     * @throws io.dblock.DblockException if the module is not loaded
     */
    List<DeviceInfo> devices();

    /** Removes a device; {@code force} removes it even if it is open. */
    void destroy(String name, boolean force);

    /** Makes a device that this process serves. */
    BlockDevice create(DeviceSpec asked);

    /**
     * Runs {@code action} when a signal ends this process. The result of the action replaces the exit status of the signal,
     * unless it is empty.
     */
    void onTermination(Supplier<OptionalInt> action);
}
