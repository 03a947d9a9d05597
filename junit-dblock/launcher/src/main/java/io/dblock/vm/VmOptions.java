// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.nio.file.Path;
import java.util.Optional;

/**
 * The options for preparing guests. Immutable.
 *
 * @param kernel the guest's kernel, as in {@link VmSettings#KERNEL}; empty for the kernel set there, or else the default
 * @param home where to make the directory that looks like a JDK; empty for a directory in the cache
 * @param javaHome the JDK to run in the guest; empty for the one that runs now
 * @param quick whether to skip what takes minutes: building a kernel of User Mode Linux
 * @param hostCanLoadModules whether this host can load the module, so that no guest is needed
 */
public record VmOptions(
        Optional<String> kernel,
        Optional<Path> home,
        Optional<Path> javaHome,
        boolean quick,
        boolean hostCanLoadModules) {

    /** Returns the default options, for a guest. */
    public static VmOptions defaults() {
        return new VmOptions(Optional.empty(), Optional.empty(), Optional.empty(), false, false);
    }

    /** Returns these options with another kernel. */
    public VmOptions withKernel(String wanted) {
        return new VmOptions(Optional.of(wanted), home, javaHome, quick, hostCanLoadModules);
    }

    /** Returns these options with another place for the directory. */
    public VmOptions withHome(Path directory) {
        return new VmOptions(kernel, Optional.of(directory), javaHome, quick, hostCanLoadModules);
    }

    /** Returns these options with another JDK for the guest. */
    public VmOptions withJavaHome(Path directory) {
        return new VmOptions(kernel, home, Optional.of(directory), quick, hostCanLoadModules);
    }

    /** Returns these options with another value of {@code quick}. */
    public VmOptions withQuick(boolean wanted) {
        return new VmOptions(kernel, home, javaHome, wanted, hostCanLoadModules);
    }

    /** Returns these options with another value of {@code hostCanLoadModules}. */
    public VmOptions withHostCanLoadModules(boolean possible) {
        return new VmOptions(kernel, home, javaHome, quick, possible);
    }
}
