// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.nio.file.Path;
import java.util.Optional;

/**
 * What to prepare.
 *
 * @param kernel the guest's kernel, as in {@link VmSettings#KERNEL}; empty for what is set there, else the default
 * @param home where to make the JDK-shaped directory; empty for one in the cache
 * @param javaHome the JDK to run in the guest; empty for the one running now
 * @param quick true to do without what takes minutes to make: a kernel of User Mode Linux
 * @param hostCanLoadModules true if the module can be loaded on this host, so that no guest is needed
 */
public record VmOptions(
        Optional<String> kernel,
        Optional<Path> home,
        Optional<Path> javaHome,
        boolean quick,
        boolean hostCanLoadModules) {

    /** Everything as it comes, in a guest. */
    public static VmOptions defaults() {
        return new VmOptions(Optional.empty(), Optional.empty(), Optional.empty(), false, false);
    }

    /** The same, with this kernel. */
    public VmOptions withKernel(String wanted) {
        return new VmOptions(Optional.of(wanted), home, javaHome, quick, hostCanLoadModules);
    }

    /** The same, with the directory at this place. */
    public VmOptions withHome(Path directory) {
        return new VmOptions(kernel, Optional.of(directory), javaHome, quick, hostCanLoadModules);
    }

    /** The same, with this JDK in the guest. */
    public VmOptions withJavaHome(Path directory) {
        return new VmOptions(kernel, home, Optional.of(directory), quick, hostCanLoadModules);
    }

    /** The same, without what takes minutes to make. */
    public VmOptions withQuick(boolean wanted) {
        return new VmOptions(kernel, home, javaHome, wanted, hostCanLoadModules);
    }

    /** The same, told whether the module can be loaded on this host. */
    public VmOptions withHostCanLoadModules(boolean possible) {
        return new VmOptions(kernel, home, javaHome, quick, possible);
    }
}
