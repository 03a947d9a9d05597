// SPDX-License-Identifier: Apache-2.0
package io.dblock.cli;

import io.dblock.DblockException;
import io.dblock.ModuleUnavailableException;
import io.dblock.vm.VmOptions;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Prepares this machine for tests. */
@Command(
        name = "setup",
        description = {
            "Install or fetch what tests need, and print the path for Surefire's and Failsafe's <jvm>,",
            "the last line on standard output. Where the module cannot be loaded, that java runs in a guest."
        })
final class SetupCommand implements Callable<Integer> {
    private final Machine machine;

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--jvm",
            paramLabel = "DIR",
            description = "Where to make the directory that looks like a JDK. Default: in the cache.")
    private Path jvm;

    @Option(
            names = "--java-home",
            paramLabel = "DIR",
            description = "The JDK that runs the tests. Default: the one that runs this.")
    private Path javaHome;

    @Option(
            names = "--kernel",
            paramLabel = "RELEASE|IMAGE",
            description =
                    "The guest's kernel: the beginning of a release, or an image. Default, or empty: one that fits.")
    private String kernel;

    @Option(
            names = {"--tools", "--tool"},
            split = ",",
            paramLabel = "TOOL",
            description = "Tools the tests use, by package or program: e2fsprogs, mkfs.xfs, btrfs-progs, fio.")
    private List<String> tools = new ArrayList<>();

    @Option(
            names = "--guest",
            defaultValue = "auto",
            paramLabel = "always|auto|never",
            description = "Whether tests run in a guest. auto, the default: where this kernel cannot load the module.")
    private Guest guest;

    @Option(
            names = "--quick",
            arity = "0..1",
            fallbackValue = "true",
            defaultValue = "false",
            description = "Do without what takes minutes to make, once: a kernel for guests that are not emulated.")
    private boolean quick;

    enum Guest {
        ALWAYS,
        AUTO,
        NEVER
    }

    SetupCommand(Machine machine) {
        this.machine = machine;
    }

    @Override
    public Integer call() {
        PrintWriter err = spec.commandLine().getErr();
        new PackageManager(machine)
                .install(
                        tools.stream().filter(tool -> !tool.isBlank()).toList(),
                        message -> Main.progress(err, message));
        VmOptions options = VmOptions.defaults().withQuick(quick).withHostCanLoadModules(runsOnHost(err));
        if (jvm != null) {
            options = options.withHome(jvm.toAbsolutePath());
        }
        if (javaHome != null) {
            options = options.withJavaHome(javaHome.toAbsolutePath());
        }
        if (kernel != null && !kernel.isBlank()) {
            options = options.withKernel(kernel);
        }
        Path java = machine.prepareJvm(options, message -> Main.progress(err, message));
        PrintWriter out = spec.commandLine().getOut();
        out.println(java);
        out.flush();
        return Main.OK;
    }

    private boolean runsOnHost(PrintWriter err) {
        if (guest == Guest.ALWAYS) {
            return false;
        }
        try {
            machine.loadModule();
            Main.progress(err, "the module is loaded on this machine, kernel " + machine.kernelRelease());
            return true;
        } catch (ModuleUnavailableException e) {
            if (guest == Guest.NEVER || machine.isGuest()) {
                throw new DblockException(
                        "This machine's kernel cannot have the module"
                                + (machine.isGuest() ? "" : ", and --guest never rules a guest out") + ". "
                                + e.getMessage(),
                        e);
            }
            // Print only the attempts: the message itself advises to run this command.
            Main.progress(err, "this machine's kernel cannot have the module, so tests run in a guest. Attempted:");
            e.attempts().forEach(attempt -> err.println("  " + attempt));
            return false;
        }
    }
}
