// SPDX-License-Identifier: Apache-2.0
package io.dblock.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.CacheMode;
import io.dblock.DeviceOption;
import io.dblock.DeviceSpec;
import io.dblock.Placement;
import io.dblock.internal.kernel.DeviceInfo.State;
import io.dblock.internal.module.ModuleLoader.Attempt;
import io.dblock.vm.VmSetup.Finding;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** Tests of every command: its output, its effect and its exit status. */
@Timeout(60)
class CommandsTest {
    private final FakeMachine machine = new FakeMachine();
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... arguments) {
        CommandLine commandLine = Main.commandLine(machine);
        commandLine.setOut(new PrintWriter(out, true));
        commandLine.setErr(new PrintWriter(err, true));
        return commandLine.execute(arguments);
    }

    private List<String> lines() {
        return out.toString().lines().toList();
    }

    private void assertOneLineAbout(String what) {
        assertThat(err.toString().lines().toList())
                .singleElement()
                .asString()
                .startsWith("junit-dblock: ")
                .contains(what);
    }

    // ---- usage ----

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "''                        | No command",
                "frobnicate                | frobnicate",
                "ramdisk                   | NAME",
                "ramdisk one               | SIZE",
                "ramdisk one big           | Not a size",
                "ramdisk one 64MB          | decimal units",
                "ramdisk one 1000          | size is 1000. Allowed:",
                "ramdisk one 1MiB -o cashe=none | There is no option \"cashe\". Allowed: name, size,",
                "ramdisk one 1MiB -o cache=some | cache: Unknown value: \"some\". Allowed:",
                "ramdisk one 1MiB -o queues=0   | queues is 0. Allowed: 1 to 64",
                "ramdisk one 1MiB -o size=2MiB  | size is 2MiB among the options",
                "ramdisk one 1MiB -o cache      | OPTION=VALUE",
                "destroy                   | NAME",
                "setup --guest sometimes   | always, auto, never",
                "setup --nonsense          | --nonsense",
                "vm                        | vm run",
                "vm run                    | COMMAND",
            })
    void wrongUsageIsToldAndExitsWithTwo(String arguments, String told) {
        assertThat(run(arguments.isEmpty() ? new String[0] : arguments.split(" +", -1)))
                .isEqualTo(2);
        List<String> lines = err.toString().lines().toList();
        assertThat(lines).hasSize(2);
        assertThat(lines.get(0).toLowerCase(java.util.Locale.ROOT))
                .startsWith("junit-dblock: ")
                .contains(told.toLowerCase(java.util.Locale.ROOT));
        assertThat(lines.get(1)).startsWith("Usage: junit-dblock").endsWith("--help");
        assertThat(out.toString()).isEmpty();
        assertThat(machine.done).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "doctor", "setup", "ramdisk", "destroy", "list", "vm", "vm run", "version"})
    void helpIsGivenForEveryCommand(String command) {
        assertThat(run((command + " --help").strip().split(" ", -1))).isZero();
        assertThat(out.toString()).contains("Usage: junit-dblock");
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void anErrorIsOneLineUnlessVerbose() {
        assertThat(run("destroy", "one")).isEqualTo(1);
        assertOneLineAbout("no device dblockone");
    }

    @Test
    void withVerboseAnErrorSaysWhereItComesFrom() {
        assertThat(run("destroy", "one", "--verbose")).isEqualTo(1);
        assertThat(err.toString()).contains("no device dblockone").contains("\tat io.dblock.cli.DestroyCommand");
    }

    @Test
    void theVersionIsPrinted() {
        assertThat(run("version")).isZero();
        assertThat(lines())
                .singleElement()
                .asString()
                .startsWith("junit-dblock ")
                .contains("Java 1", "Linux");
    }

    // ---- doctor ----

    @Nested
    class Doctor {
        private final Attempt noHeaders =
                new Attempt("headers", "none for 6.12.0-fake", "apt-get install linux-headers-6.12.0-fake", false);
        private final Finding noQemu = new Finding("qemu", false, true, "missing", Optional.of("apt-get install qemu"));

        @Test
        void allIsWell() {
            machine.attempts.add(new Attempt("already loaded", "yes", "", true));
            machine.findings.add(new Finding("qemu", true, true, "found", Optional.empty()));
            assertThat(run("doctor")).isZero();
            assertThat(lines())
                    .contains("  OK   already loaded: yes", "  OK   qemu: found")
                    .contains("  OK   mkfs.ext4: /usr/sbin/mkfs.ext4")
                    .endsWith("Tests can run on this machine's kernel.")
                    .noneMatch(line -> line.startsWith("  NO") || line.startsWith("  WARN"));
        }

        @Test
        void withAGuestTheHostsTroublesAreWarnings() {
            machine.loadable = false;
            machine.attempts.add(noHeaders);
            machine.findings.add(new Finding("qemu", true, true, "found", Optional.empty()));
            assertThat(run("doctor")).isZero();
            assertThat(lines())
                    .contains(
                            "  WARN headers: none for 6.12.0-fake. To mend: apt-get install linux-headers-6.12.0-fake")
                    .last()
                    .asString()
                    .contains("in a guest");
        }

        @Test
        void withAHostTheGuestsTroublesAreWarnings() {
            machine.findings.add(noQemu);
            assertThat(run("doctor")).isZero();
            assertThat(lines()).contains("  WARN qemu: missing. To mend: apt-get install qemu");
        }

        @Test
        void kvmIsDispensable() {
            machine.loadable = false;
            machine.findings.add(new Finding("/dev/kvm", false, false, "not there", Optional.empty()));
            assertThat(run("doctor")).isZero();
            assertThat(lines()).contains("  -    /dev/kvm: not there");
        }

        @Test
        void withNeitherItFailsAndSaysWhatToMend() {
            machine.loadable = false;
            machine.attempts.add(noHeaders);
            machine.findings.add(noQemu);
            assertThat(run("doctor")).isEqualTo(1);
            assertThat(lines())
                    .contains(
                            "  NO   headers: none for 6.12.0-fake. To mend: apt-get install linux-headers-6.12.0-fake")
                    .contains("  NO   qemu: missing. To mend: apt-get install qemu")
                    .last()
                    .asString()
                    .startsWith("Tests cannot run here");
        }

        @Test
        void withoutPrivilegesItSaysSo() {
            machine.privileged = false;
            machine.loadable = false;
            machine.findings.add(noQemu);
            assertThat(run("doctor")).isEqualTo(1);
            assertThat(lines()).anyMatch(line -> line.startsWith("  NO   privileges: needs root"));
        }

        @Test
        void aGuestIsNotAskedForAnotherGuest() {
            machine.guest = true;
            machine.loadable = false;
            machine.attempts.add(noHeaders);
            assertThat(run("doctor")).isEqualTo(1);
            assertThat(lines()).noneMatch(line -> line.contains("A guest on this machine"));
        }

        @Test
        void missingToolsAndLeavingsAreWarnings() {
            machine.programs.remove("mkfs.xfs");
            machine.programs.add("apt-get");
            machine.leavings.add(Path.of("/run/junit-dblock/1-2"));
            assertThat(run("doctor")).isZero();
            assertThat(lines())
                    .contains(
                            "  WARN mkfs.xfs: missing. To mend: apt-get install -y --no-install-recommends xfsprogs",
                            "  -    leavings of crashed runs: [/run/junit-dblock/1-2]; the next test run clears them");
        }

        @Test
        void everyFindingIsOneLine() {
            machine.attempts.add(new Attempt("headers", "none\n  at all\n", "do this\nand that", false));
            run("doctor");
            assertThat(lines()).anyMatch(line -> line.endsWith("headers: none; at all. To mend: do this; and that"));
        }
    }

    // ---- setup ----

    @Nested
    class Setup {
        @Test
        void thePathIsTheLastLineOnStandardOutputAndAllElseOnStandardError() {
            assertThat(run("setup", "--jvm", "/x/jvm")).isZero();
            assertThat(lines()).containsExactly("/x/jvm/bin/java");
            assertThat(err.toString()).contains("junit-dblock: preparing");
        }

        @Test
        void autoUsesThisMachineWhereItCan() {
            assertThat(run("setup")).isZero();
            assertThat(machine.prepared.hostCanLoadModules()).isTrue();
            assertThat(machine.done).containsExactly("load");
        }

        @Test
        void autoUsesAGuestWhereItMustAndSaysWhy() {
            machine.loadable = false;
            assertThat(run("setup")).isZero();
            assertThat(machine.prepared.hostCanLoadModules()).isFalse();
            assertThat(err.toString()).contains("so tests run in a guest").contains("apt-get install headers");
        }

        @Test
        void alwaysUsesAGuestThoughItNeedNot() {
            assertThat(run("setup", "--guest", "always")).isZero();
            assertThat(machine.prepared.hostCanLoadModules()).isFalse();
            assertThat(machine.done).isEmpty();
        }

        @Test
        void neverFailsWhereAGuestWouldBeNeeded() {
            machine.loadable = false;
            assertThat(run("setup", "--guest=never")).isEqualTo(1);
            assertThat(err.toString()).contains("--guest never").contains("apt-get install headers");
            assertThat(out.toString()).isEmpty();
            assertThat(machine.prepared).isNull();
        }

        @Test
        void theKernelAndTheJdkAreHandedOn() {
            assertThat(run("setup", "--guest=always", "--kernel=6.1", "--java-home=/jdk"))
                    .isZero();
            assertThat(machine.prepared.kernel()).contains("6.1");
            assertThat(machine.prepared.javaHome()).contains(Path.of("/jdk"));
        }

        @Test
        void emptyOptionsAreAsGoodAsNone() {
            assertThat(run("setup", "--kernel=", "--tools=")).isZero();
            assertThat(machine.prepared.kernel()).isEmpty();
            assertThat(machine.done).containsExactly("load");
        }

        @Test
        void missingToolsAreInstalledByPackageOrProgram() {
            machine.programs.removeAll(List.of("mkfs.xfs", "mkfs.btrfs"));
            machine.programs.add("apt-get");
            assertThat(run("setup", "--tools", "e2fsprogs,mkfs.xfs", "--tool", "btrfs-progs"))
                    .isZero();
            assertThat(machine.done)
                    .containsExactly("apt-get install -y --no-install-recommends xfsprogs btrfs-progs", "load");
        }

        @Test
        void dnfIsUsedWhereItIs() {
            machine.programs.remove("fio");
            machine.programs.add("dnf");
            assertThat(run("setup", "--tools", "fio")).isZero();
            assertThat(machine.done).containsExactly("dnf install -y fio", "load");
        }

        @Test
        void packageListsAreFetchedIfTheInstallationFails() {
            machine.programs.remove("fio");
            machine.programs.add("apt-get");
            machine.failingInstalls = 1;
            assertThat(run("setup", "--tools", "fio")).isZero();
            assertThat(machine.done)
                    .containsExactly(
                            "apt-get install -y --no-install-recommends fio",
                            "apt-get update",
                            "apt-get install -y --no-install-recommends fio",
                            "load");
        }

        @Test
        void aFailingInstallationFails() {
            machine.programs.remove("fio");
            machine.programs.add("apt-get");
            machine.failingInstalls = 2;
            assertThat(run("setup", "--tools", "fio")).isEqualTo(1);
            assertThat(err.toString()).contains("install -y --no-install-recommends fio' ended with status 100");
        }

        @Test
        void anInstallationWithoutEffectFails() {
            machine.programs.remove("fio");
            machine.programs.add("apt-get");
            machine.installs = false;
            assertThat(run("setup", "--tools", "fio")).isEqualTo(1);
            assertThat(err.toString()).contains("fio is still missing");
        }

        @Test
        void withoutPrivilegesTheCommandIsPrintedInstead() {
            machine.programs.remove("fio");
            machine.programs.add("apt-get");
            machine.privileged = false;
            assertThat(run("setup", "--tools", "fio")).isEqualTo(1);
            assertOneLineAbout("as root: apt-get install -y --no-install-recommends fio");
            assertThat(machine.done).isEmpty();
        }

        @Test
        void withoutAPackageManagerWeKnowThePackageIsNamed() {
            machine.programs.remove("fio");
            assertThat(run("setup", "--tools", "fio")).isEqualTo(1);
            assertOneLineAbout("No apt-get or dnf here");
        }
    }

    // ---- devices ----

    @Test
    void theListIsATable() {
        machine.devices.add(FakeMachine.device(2, "dblockledger", 64 << 20, State.LIVE, 1, 4711));
        machine.devices.add(FakeMachine.device(1, "dblock0", 512, State.ENDING, 0, 0));
        assertThat(run("list")).isZero();
        assertThat(lines())
                .containsExactly(
                        "NAME          SIZE   STATE   OPEN  OWNER",
                        "dblock0       512    ending  0     -",
                        "dblockledger  64MiB  live    1     4711");
    }

    @ParameterizedTest
    @ValueSource(strings = {"ledger", "dblockledger", "/dev/dblockledger"})
    void aDeviceIsDestroyedByAnyOfItsNames(String name) {
        machine.devices.add(FakeMachine.device(2, "dblockledger", 64 << 20, State.LIVE, 0, 4711));
        assertThat(run("destroy", name)).isZero();
        assertThat(machine.done).containsExactly("destroy dblockledger");
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void aDeviceInUseIsNotDestroyedUnlessForced() {
        machine.devices.add(FakeMachine.device(2, "dblockledger", 64 << 20, State.LIVE, 2, 4711));
        assertThat(run("destroy", "ledger")).isEqualTo(1);
        assertOneLineAbout("dblockledger is in use: open 2 times");
        assertThat(machine.done).isEmpty();
        assertThat(run("destroy", "--force", "ledger")).isZero();
        assertThat(machine.done).containsExactly("destroy dblockledger by force");
    }

    @Test
    void aMissingDeviceIsToldWithThoseThereAre() {
        machine.devices.add(FakeMachine.device(2, "dblockledger", 64 << 20, State.LIVE, 0, 4711));
        assertThat(run("destroy", "other")).isEqualTo(1);
        assertOneLineAbout("There is no device dblockother. There is dblockledger.");
    }

    private CompletableFuture<Integer> ramdisk(String... options) throws Exception {
        String[] arguments = Stream.concat(Stream.of("ramdisk", "ledger", "1MiB"), Stream.of(options))
                .toArray(String[]::new);
        CompletableFuture<Integer> status =
                CompletableFuture.supplyAsync(() -> run(arguments), task -> new Thread(task).start());
        await("the node to be printed", () -> out.toString().contains("\n"));
        return status;
    }

    private static void await(String what, BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("waiting 20 s for %s", what).isLessThan(deadline);
            Thread.sleep(5);
        }
    }

    @Test
    void aRamdiskIsServedUntilItIsDestroyed() throws Exception {
        CompletableFuture<Integer> status = ramdisk();
        assertThat(lines()).containsExactly("/dev/dblockledger");
        int looks = machine.looks.get();
        await("it to look for its device a few times", () -> machine.looks.get() > looks + 2);
        assertThat(status).isNotDone();
        machine.destroy("dblockledger", false);
        assertThat(status.get(20, TimeUnit.SECONDS)).isZero();
        assertThat(machine.done)
                .containsExactly("load", "create dblockledger 1048576", "destroy dblockledger", "close dblockledger");
    }

    @Test
    void aRamdiskIsMadeWithTheOptionsThatAreAskedFor() throws Exception {
        CompletableFuture<Integer> status =
                ramdisk("-o", "logicalBlockSize=4KiB", "--option", "cache=none", "-o", "requestTimeout=2s");
        DeviceSpec made = machine.created;
        machine.destroy("dblockledger", false);
        assertThat(status.get(20, TimeUnit.SECONDS)).isZero();
        assertThat(made.logicalBlockSize()).isEqualTo(4096);
        assertThat(made.cache()).isEqualTo(CacheMode.NONE);
        assertThat(made.requestTimeout()).isEqualTo(Duration.ofSeconds(2));
        assertThat(made.placement()).isEqualTo(Placement.TEST_JVM);
    }

    @Test
    void theHelpOfARamdiskListsTheOptions() {
        assertThat(run("ramdisk", "--help")).isZero();
        String help = out.toString().replaceAll("\\s+", " ");
        DeviceOption.all().stream()
                .filter(option -> !List.of("name", "size", "placement").contains(option.name()))
                .forEach(option -> assertThat(help)
                        .contains(" " + option.name() + " " + option.meaning() + " (" + option.defaultText() + ")"));
    }

    @Test
    void aRamdiskEndsWhenAnotherDeviceHasItsName() throws Exception {
        CompletableFuture<Integer> status = ramdisk();
        machine.devices.set(0, FakeMachine.device(8, "dblockledger", 512, State.LIVE, 0, 2));
        assertThat(status.get(20, TimeUnit.SECONDS)).isZero();
    }

    @Test
    void aRamdiskIsClosedOnTermination() throws Exception {
        CompletableFuture<Integer> status = ramdisk();
        assertThat(machine.onTermination.get()).isEqualTo(OptionalInt.of(0));
        assertThat(status.get(20, TimeUnit.SECONDS)).isZero();
        assertThat(machine.done).filteredOn("close dblockledger"::equals).hasSize(1);
        assertThat(machine.onTermination.get()).as("nothing left to do").isEmpty();
    }

    @Test
    void aRamdiskThatCannotBeClosedCleanlyFails() throws Exception {
        machine.problemOfClose = "dblockledger was still in use";
        CompletableFuture<Integer> status = ramdisk();
        machine.destroy("dblockledger", true);
        assertThat(status.get(20, TimeUnit.SECONDS)).isEqualTo(1);
        assertOneLineAbout("still in use");
    }

    // ---- guests ----

    @Test
    void aCommandIsRunInAGuestWithAllItsOwnOptions() {
        assertThat(run("vm", "run", "--kernel", "6.1", "--share", "/a", "--share", "/b", "--", "ls", "--help", "-l"))
                .isEqualTo(42);
        assertThat(machine.done).containsExactly("guest 6.1 [/a, /b] [ls, --help, -l]");
    }

    /** Such a file is for the java in the guest, which gets the last arguments of this process unchanged. */
    @Test
    void theCommandsArgumentsAreLeftAsTheyAre(@TempDir Path directory) throws IOException {
        Path file = Files.writeString(directory.resolve("args"), "-Xmx1g -Da=b");
        assertThat(run("vm", "run", "--", "java", "@" + file, "--", "'x' ${y}")).isEqualTo(42);
        assertThat(machine.done).containsExactly("guest - [] [java, @" + file + ", --, 'x' ${y}]");
    }

    @Test
    void aGuestThatCannotRunTheCommandHasAStatusThatNoCommandHas() {
        machine.problemOfGuest = "no kernel";
        assertThat(run("vm", "run", "true")).isEqualTo(98);
        assertOneLineAbout("no kernel");
    }

    @Test
    void theBuildHasTheContentOfTheKernelsArtifactWritten() {
        assertThat(run("vm", "kernel-artifact", "/x")).isZero();
        assertThat(machine.done).containsExactly("kernel to /x");
        assertThat(err.toString()).isEqualTo("junit-dblock: writing\n");
        assertThat(run("vm", "--help")).isZero();
        assertThat(out.toString()).contains("run").doesNotContain("kernel-artifact");
    }

    @Test
    void theDashesBeforeTheCommandAreOptional() {
        assertThat(run("vm", "run", "uname", "-a")).isEqualTo(42);
        assertThat(machine.done).containsExactly("guest - [] [uname, -a]");
    }
}
