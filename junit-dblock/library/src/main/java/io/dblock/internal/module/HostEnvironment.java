// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.module;

import io.dblock.internal.kernel.Command;
import io.dblock.internal.kernel.ControlSession;
import java.nio.file.Path;
import java.util.List;

/** The machine, as far as finding and loading the module needs it. Tests use their own machine. */
interface HostEnvironment {

    /** Returns the root of the file tree, {@code /} on a real machine, with /proc, /sys, /dev, /lib and /etc below. */
    Path root();

    /** Returns what {@code uname -r} prints. */
    String kernelRelease();

    /** Returns what {@code uname -m} prints. */
    String machine();

    /** Returns the bits of the effective capabilities, see capabilities(7). */
    long capabilities();

    /** Returns whether there is a program of this name, see {@link Command#find}. */
    boolean hasProgram(String name);

    /** Returns the directory of built modules. */
    Path cache();

    /** Opens a control session; see {@link ControlSession#open()}. */
    ControlSession openSession();

    /** Runs a program to its end. */
    Command.Result run(List<String> command, Path directory);

    /** Loads this file by finit_module(2); returns 0 or a negative error. */
    int loadModule(Path file);

    /** Unloads a module by delete_module(2), which refuses a module in use; returns 0 or a negative error. */
    int unloadModule(String name);
}
