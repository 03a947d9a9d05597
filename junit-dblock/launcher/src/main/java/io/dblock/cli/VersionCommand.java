// SPDX-License-Identifier: Apache-2.0
package io.dblock.cli;

import io.dblock.vm.LibraryVersion;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Prints the version. */
@Command(name = "version", description = "Print the version.")
final class VersionCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        spec.commandLine()
                .getOut()
                .println("junit-dblock " + LibraryVersion.find().orElse("(not from a jar)") + " (Java "
                        + System.getProperty("java.version") + ", "
                        + System.getProperty("os.name") + " " + System.getProperty("os.version") + ", "
                        + System.getProperty("os.arch") + ")");
        return Main.OK;
    }
}
