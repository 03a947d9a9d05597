// SPDX-License-Identifier: Apache-2.0
package io.dblock.cli;

import io.dblock.vm.ExitStatus;
import io.dblock.vm.VmOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The commands for guests without JUnit. */
@Command(name = "vm", description = "Use a guest.", synopsisSubcommandLabel = "COMMAND")
final class VmCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "No command. There is: vm run");
    }

    /** Writes the content of the jar with a kernel. The build of this library runs it. */
    @Command(
            name = "kernel-artifact",
            hidden = true,
            description = "Write what the jar with a kernel of User Mode Linux has, making it if there is none.")
    static final class KernelArtifact implements Callable<Integer> {
        private final Machine machine;

        @Spec
        private CommandSpec spec;

        @Parameters(paramLabel = "DIR", description = "Where to.")
        private Path directory;

        KernelArtifact(Machine machine) {
            this.machine = machine;
        }

        @Override
        public Integer call() {
            machine.writeKernelArtifact(
                    directory.toAbsolutePath(),
                    message -> Main.progress(spec.commandLine().getErr(), message));
            return Main.OK;
        }
    }

    /** Runs one command in a guest. */
    @Command(
            name = "run",
            exitCodeOnExecutionException = ExitStatus.NOT_STARTED,
            description = {
                "Run a command in a guest: this machine's files, in this directory, with these standard streams,",
                "as root. What it writes vanishes, except in 'target' of this directory and in what is shared.",
                "The exit status is the command's."
            })
    static final class Run implements Callable<Integer> {
        private final Machine machine;

        @Option(
                names = "--kernel",
                paramLabel = "RELEASE[/ARCHITECTURE]|IMAGE",
                description = "The guest's kernel: the beginning of a release, with /arm64, /armhf or /i386 for another"
                        + " architecture, or an image. Default: one that fits.")
        private String kernel;

        @Option(names = "--share", paramLabel = "DIR", description = "A directory it may write to. May be repeated.")
        private List<Path> shares = new ArrayList<>();

        @Parameters(arity = "1..*", paramLabel = "COMMAND", description = "The command and its arguments, after --.")
        private List<String> command;

        Run(Machine machine) {
            this.machine = machine;
        }

        @Override
        public Integer call() {
            VmOptions options = VmOptions.defaults();
            if (kernel != null) {
                options = options.withKernel(kernel);
            }
            return machine.runInGuest(options, shares, command);
        }
    }
}
