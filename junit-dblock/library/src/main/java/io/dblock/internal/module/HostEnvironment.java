// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.module;

import io.dblock.internal.kernel.Command;
import io.dblock.internal.kernel.ControlSession;
import java.nio.file.Path;
import java.util.List;

/** What finding and loading the module needs to know of this machine, and does to it. Tests bring their own machine. */
interface HostEnvironment {

    /** The root of the file tree, {@code /} on a real machine: /proc, /sys, /dev, /lib and /etc are looked for below. */
    Path root();

    /** {@code uname -r}. */
    String kernelRelease();

    /** {@code uname -m}. */
    String machine();

    /** Bits of the effective capabilities, see capabilities(7). */
    long capabilities();

    /** Whether a program of this name is found on the PATH. */
    boolean hasProgram(String name);

    /** Where built modules are. */
    Path cache();

    /** Opens a control session; see {@link ControlSession#open()}. */
    ControlSession openSession();

    /** Runs a program to its end. */
    Command.Result run(List<String> command, Path directory);

    /** finit_module(2) with this file; 0 or a negative error. */
    int loadModule(Path file);

    /** delete_module(2), refused when the module is in use; 0 or a negative error. */
    int unloadModule(String name);
}
