// SPDX-License-Identifier: Apache-2.0
package io.dblock.cli;

import io.dblock.internal.module.ModuleLoader;
import io.dblock.vm.VmSetup;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Checks everything that tests need, and changes nothing. */
@Command(
        name = "doctor",
        description = {
            "Say what is possible here and why not, one line each, with the command that mends it.",
            "Exit status 0 if tests can run here, on this machine's kernel or in a guest, else 1."
        })
final class DoctorCommand implements Callable<Integer> {
    private final Machine machine;

    @Spec
    private CommandSpec spec;

    DoctorCommand(Machine machine) {
        this.machine = machine;
    }

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();

        boolean host = machine.isModuleLoadable();
        // Tests need only one of the two ways, so a problem with the other one is only a warning.
        List<VmSetup.Finding> guestFindings = machine.isGuest() ? List.of() : machine.guestFindings();
        boolean guest = !machine.isGuest() && guestFindings.stream().allMatch(DoctorCommand::goodEnough);

        heading(out, "This machine" + (machine.isGuest() ? " (a guest)" : "") + ", kernel " + machine.kernelRelease());
        line(
                out,
                machine.isPrivileged(),
                guest,
                "privileges",
                machine.isPrivileged() ? "may load modules and make devices" : "needs root (CAP_SYS_ADMIN)",
                machine.isPrivileged() ? "" : "run the tests as root, or in a guest");
        for (ModuleLoader.Attempt attempt : machine.moduleAttempts()) {
            if (attempt.what().equals("privileges") && attempt.succeeded()) {
                continue; // printed above
            }
            line(out, attempt.succeeded(), host || guest, attempt.what(), attempt.outcome(), attempt.remedy());
        }
        if (!machine.isGuest()) {
            heading(out, "A guest on this machine");
            for (VmSetup.Finding finding : guestFindings) {
                line(
                        out,
                        finding.good(),
                        host || goodEnough(finding),
                        finding.what(),
                        finding.found(),
                        finding.remedy().orElse(""));
            }
        }
        heading(out, "Tools, for tests that use them");
        PackageManager packages = new PackageManager(machine);
        for (Map.Entry<String, String> entry : PackageManager.PROGRAMS.entrySet()) {
            Optional<Path> program = machine.find(entry.getValue());
            line(
                    out,
                    program.isPresent(),
                    true,
                    entry.getValue(),
                    program.map(Path::toString).orElse("missing"),
                    program.isPresent() ? "" : packages.installCommand(List.of(entry.getKey())));
        }
        List<Path> leavings = machine.leavings();
        line(
                out,
                leavings.isEmpty(),
                true,
                "leavings of crashed runs",
                leavings.isEmpty() ? "none" : leavings + "; the next test run clears them",
                "");
        out.println(verdict(host, guest));
        return host || guest ? Main.OK : Main.FAILED;
    }

    private String verdict(boolean host, boolean guest) {
        if (host) {
            return "Tests can run on this machine's kernel.";
        }
        if (guest) {
            return "Tests can run in a guest: 'setup' prints the path for Surefire's <jvm>.";
        }
        return "Tests cannot run here: mend one line marked NO after another"
                + (machine.isGuest() ? "." : ", of either way.");
    }

    /** Returns whether guests can run with this finding: without KVM, for example, they are only slower. */
    private static boolean goodEnough(VmSetup.Finding finding) {
        return finding.good() || !finding.needed();
    }

    private static void heading(PrintWriter out, String text) {
        out.println(text);
    }

    private static void line(
            PrintWriter out, boolean good, boolean dispensable, String what, String found, String remedy) {
        String mark = good ? "OK" : !dispensable ? "NO" : remedy.isEmpty() ? "-" : "WARN";
        out.printf(
                "  %-4s %s: %s%s%n",
                mark, what, oneLine(found), good || remedy.isEmpty() ? "" : ". To mend: " + oneLine(remedy));
    }

    private static String oneLine(String text) {
        return text.strip().replaceAll("\\s*\\R\\s*", "; ");
    }
}
