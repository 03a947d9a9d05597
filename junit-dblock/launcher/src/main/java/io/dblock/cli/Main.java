// SPDX-License-Identifier: Apache-2.0
package io.dblock.cli;

import io.dblock.vm.ExitStatus;
import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/**
 * The command line of junit-dblock. The exit status is 0 for success, 1 for a failure and 2 for wrong usage; standard error
 * has the reason. {@code vm run} exits with the status of its command or with one of {@link ExitStatus}.
 */
@Command(
        name = "junit-dblock",
        description = "Real Linux block devices for JUnit tests.",
        mixinStandardHelpOptions = false,
        synopsisSubcommandLabel = "COMMAND")
public final class Main implements Runnable {
    static final int OK = 0;
    static final int FAILED = 1;
    static final int USAGE = 2;

    @Spec
    private CommandSpec spec;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            scope = ScopeType.INHERIT,
            description = "Say how it is used, and exit.")
    @SuppressWarnings("UnusedVariable") // picocli itself handles this option
    private boolean help;

    @Option(names = "--verbose", scope = ScopeType.INHERIT, description = "With errors, say where they come from.")
    private boolean verbose;

    private Main() {}

    /** Runs one command and ends the process with its status. */
    public static void main(String[] arguments) {
        System.exit(commandLine(new HostMachine()).execute(arguments));
    }

    static CommandLine commandLine(Machine machine) {
        Main main = new Main();
        CommandLine commandLine = new CommandLine(main);
        commandLine.addSubcommand(new DoctorCommand(machine));
        commandLine.addSubcommand(new SetupCommand(machine));
        commandLine.addSubcommand(new RamdiskCommand(machine));
        commandLine.addSubcommand(new DestroyCommand(machine));
        commandLine.addSubcommand(new ListCommand(machine));
        commandLine.addSubcommand(new CommandLine(new VmCommand())
                .addSubcommand(new CommandLine(new VmCommand.Run(machine)).setStopAtPositional(true))
                .addSubcommand(new VmCommand.KernelArtifact(machine)));
        commandLine.addSubcommand(new VersionCommand());
        commandLine.setCaseInsensitiveEnumValuesAllowed(true);
        // Arguments such as @file are for the java in the guest.
        commandLine.setExpandAtFiles(false);
        commandLine.setParameterExceptionHandler((exception, arguments) -> {
            CommandLine command = exception.getCommandLine();
            complain(command.getErr(), exception, main.verbose);
            command.getErr().println("Usage: " + command.getCommandSpec().qualifiedName() + " --help");
            return USAGE;
        });
        commandLine.setExecutionExceptionHandler((exception, command, result) -> {
            complain(command.getErr(), exception, main.verbose);
            return command.getCommandSpec().exitCodeOnExecutionException();
        });
        return commandLine;
    }

    static void progress(PrintWriter err, String message) {
        err.println("junit-dblock: " + message);
        err.flush();
    }

    private static void complain(PrintWriter err, Exception exception, boolean verbose) {
        String message = exception.getMessage();
        err.println("junit-dblock: " + (message == null ? exception.toString() : message));
        if (verbose) {
            exception.printStackTrace(err);
        }
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "No command.");
    }
}
