// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.it.support.Commands;
import io.dblock.it.support.OneTest;
import io.dblock.it.support.Poll;
import io.dblock.vm.ExitStatus;
import io.dblock.vm.VmOptions;
import io.dblock.vm.VmSetup;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.TestInstance;

/**
 * Commands in a guest, of whatever kind: everything goes through as on the host, nothing else gets out, no failure is lost, and
 * nothing is left. What needs no guest of its own is asked of one, which runs first.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class GuestContract {

    static final Path NOTHING = Path.of("/dev/null");
    static final Path SOURCES = Path.of("src/vm/c").toAbsolutePath();
    private static final Duration BOOT_LIMIT = Duration.ofMinutes(5);
    private static final Duration DEATH_LIMIT = Duration.ofSeconds(30);
    static final String UP_AND_WAITS = "echo up; sleep 1000";
    private static final String ODD = "a  b\n'\"$HOME\\ \u00e4*";

    /**
     * What it answers is in files below {@code target}, as its streams carry what goes through them. At last it leaves its root,
     * see {@code escape.c}.
     */
    private static final String QUESTIONS =
            """
            for a; do printf '<%s>' "$a"; done >&2
            printf '[%s][%s][%s][%s]' "$ODD" "$PWD" "$(umask)" "$DBLOCK_GUEST" >&2
            cat
            {
                uname -r > target/release
                grep -w flags /proc/cpuinfo > target/cpuinfo
                echo changed > victim && echo new > beside && cat victim > target/victim
                echo written > target/written && echo written > "$DBLOCK_VM_SHARE/written"
                truncate -s 32M /tmp/image; mkfs.ext4 -q /tmp/image; mkdir /tmp/mounted
                mount -o loop /tmp/image /tmp/mounted; grep -c ' /tmp/mounted ext4 ' /proc/mounts > target/mounted
                cat "$DBLOCK_VM_SHARE/changed" > target/first
                echo > target/first-read
                until cmp -s "$DBLOCK_VM_SHARE/changed" "$DBLOCK_VM_SHARE/made"; do sleep 0.05; done
                cat "$DBLOCK_VM_SHARE/changed" > target/second
                cp target/escape /tmp/escape; /tmp/escape "$FILESYSTEM" "$PWD/victim" > target/escaped
            } 2> target/complaints
            exit 42
            """;

    private final VmOptions kernel;
    private final String fileSystem;
    private final Map<String, String> guest;

    private Launcher answers;
    private Launcher.Result answered;
    private final byte[] bytes = new byte[(1 << 20) + 4711];
    private Path share;
    private Path trouble;
    private Launcher launcher;

    /**
     * @param guest the environment that asks for it
     * @param kernel the same, to build a module for it
     * @param fileSystem through which it sees the host's tree
     */
    GuestContract(Map<String, String> guest, VmOptions kernel, String fileSystem) {
        this.guest = guest;
        this.kernel = kernel;
        this.fileSystem = fileSystem;
    }

    /** What has this program run in place of the one that is the guest: QEMU, or the kernel. */
    abstract Map<String, String> startedAs(Path program) throws IOException;

    /** The command that becomes the real one. */
    abstract String realOne() throws IOException;

    /** What has it take more than a second to boot. */
    abstract Map<String, String> slowToBoot() throws IOException;

    /** Waits until there are all kinds of processes that a guest of this launcher's has. */
    abstract void awaitProcesses(Launcher launcher, long pid);

    String answer(String name) throws IOException {
        Path file = answers.directory().resolve("target").resolve(name);
        assertThat(file)
                .as("the guest's answer; complaints: " + complaints() + "; errors:\n" + answered.errors())
                .exists();
        return Files.readString(file, StandardCharsets.ISO_8859_1);
    }

    private String complaints() throws IOException {
        Path file = answers.directory().resolve("target/complaints");
        return Files.exists(file) ? Files.readString(file, StandardCharsets.ISO_8859_1) : "none";
    }

    final Launcher newLauncher(String name) throws IOException {
        return new Launcher(getClass().getSimpleName() + "/" + name, guest);
    }

    /** Compiles one of this directory's programs. */
    static Path compiled(String name, Path program) {
        Commands.run("cc", "-static", "-Wall", "-o", program, SOURCES.resolve(name));
        return program;
    }

    @BeforeAll
    void aGuestAnswers() throws Exception {
        answers = newLauncher("answers");
        Path directory = answers.directory();
        try (Stream<Path> old = Files.walk(directory.resolve("target"))) {
            for (Path file : old.filter(Files::isRegularFile).toList()) {
                Files.delete(file);
            }
        }
        new Random(2).nextBytes(bytes);
        Path stdin = Files.write(directory.resolve("stdin"), bytes);
        Files.deleteIfExists(directory.resolve("beside"));
        Files.writeString(directory.resolve("victim"), "untouched");
        share = Files.createDirectories(directory.resolve("share"));
        Path changed = Files.writeString(share.resolve("changed"), "as it was\n");
        Files.deleteIfExists(share.resolve("made"));
        compiled("escape.c", directory.resolve("target/escape"));
        Files.writeString(directory.resolve("odd"), ODD);
        Map<String, String> environment = new HashMap<>(Map.of("LC_ALL", "C.UTF-8"));
        environment.put("DBLOCK_VM_SHARE", share.toString());
        environment.put("FILESYSTEM", fileSystem);
        Process process =
                answers.startBelow(withOddWords(), environment, stdin, "vm", "run", "--", "sh", "-c", QUESTIONS, "sh");
        try {
            Poll.until(
                    "the guest to have read the shared file",
                    BOOT_LIMIT,
                    () -> !process.isAlive() || Files.exists(directory.resolve("target/first-read")));
            Files.writeString(changed, "as the host changed it\n");
            Files.writeString(share.resolve("made"), "as the host changed it\n");
        } finally {
            answered = answers.finish(process, "all that can be asked of one guest");
        }
    }

    /**
     * Has a command run as an ordinary user may run it, and say so; with words and a variable that a JVM cannot give it where its
     * own locale is C.
     */
    private static List<String> withOddWords() {
        List<String> command = new ArrayList<>();
        if ("root".equals(System.getProperty("user.name"))) {
            command.addAll(List.of("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"));
        }
        command.addAll(List.of(
                "sh",
                "-c",
                "grep CapEff /proc/self/status >&2; ODD=$(cat odd); export ODD; exec \"$@\" '' \"$ODD\" -x",
                "sh"));
        return command;
    }

    @BeforeEach
    void aDirectoryPerTest(TestInfo test) throws IOException {
        launcher = newLauncher(test.getTestMethod().orElseThrow().getName());
    }

    @Test
    void argumentsEnvironmentDirectoryAndUmaskAreTheCommands() throws Exception {
        String latin = new String(ODD.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
        assertThat(answered.errors())
                .contains("<><" + latin + "><-x>[" + latin + "][" + answers.directory() + "][0022][1]");
    }

    @Test
    void aMegabyteGoesInAndOutByteForByte() throws Exception {
        assertThat(Files.readAllBytes(answered.stdout())).isEqualTo(bytes);
    }

    @Test
    void theExitStatusIsTheCommands() throws Exception {
        assertThat(answered.status()).as(answered.errors()).isEqualTo(42);
    }

    @Test
    void noCapabilityIsNeeded() throws Exception {
        assertThat(answered.errors()).contains("CapEff:\t0000000000000000\n");
    }

    @Test
    void onlyTargetAndSharesCanBeChangedFromInside() throws Exception {
        assertThat(answer("victim")).isEqualTo("changed\n");
        assertThat(answer("escaped"))
                .matches("the host's tree is below\nwrite: (Read-only file system|Permission denied)\n");
        assertThat(answers.directory().resolve("victim")).hasContent("untouched");
        assertThat(answers.directory().resolve("beside")).doesNotExist();
        assertThat(answer("written")).isEqualTo("written\n");
        assertThat(share.resolve("written")).hasContent("written");
    }

    @Test
    void whatTheHostChangesInAShareIsSeenByWhoOpensItAnew() throws Exception {
        assertThat(answer("first")).isEqualTo("as it was\n");
        assertThat(answer("second")).isEqualTo("as the host changed it\n");
    }

    @Test
    void modulesOfTheGuestsKernelAreLoadedOnRequest() throws Exception {
        assertThat(answer("mounted")).isEqualTo("1\n");
    }

    @Test
    void oneLineSaysWhatTheGuestRunsOn() throws Exception {
        assertThat(answered.errors().lines().filter(line -> line.startsWith("junit-dblock: guest with kernel ")))
                .singleElement()
                .asString()
                .startsWith(
                        "junit-dblock: guest with kernel " + answer("release").strip() + ", ")
                .containsPattern("(, \\d CPUs)?, 3072 MiB, under (KVM|UML|TCG) \\(.+\\), .+; kernel log: "
                        + answers.directory() + "/target/dblock-vm/kernel-");
    }

    /** A JVM, the module, a server process, mkfs and mount. */
    @Test
    void theTestOfTheQuickstartPasses() throws Exception {
        VmSetup.module(kernel, System.err::println);
        Launcher.Result result = launcher.run(
                Map.of(),
                NOTHING,
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("java.class.path"),
                OneTest.class.getName(),
                "io.dblock.it.quickstart.QuickstartTest");
        assertThat(result.status()).as(result.errors()).isZero();
        assertThat(result.output().lines()).contains("1 passed, 0 failed");
    }

    /** What has the guest's stream damaged on its way, see {@code damage.c}. */
    private Map<String, String> damaged(String how) throws IOException {
        Path damage = compiled("damage.c", launcher.directory().resolve("damage"));
        return startedAs(script("exec '" + damage + "' " + how + " " + realOne() + " \"$@\"\n"));
    }

    @Test
    void aStreamWithCrLfIsNeverTakenForAnAnswer() throws Exception {
        Launcher.Result result = launcher.run(damaged("crlf"), NOTHING, "echo", "fine");
        assertThat(result.status()).isEqualTo(ExitStatus.DAMAGED_STREAM);
        assertThat(result.output()).isEmpty();
        assertThat(result.errors())
                .contains("the stream from the guest is damaged, nothing of it counts: at frame 0 (byte 0")
                .contains("line feeds were turned into CR LF on the way");
    }

    @Test
    void aTruncatedStreamIsNeverTakenForAnAnswer() throws Exception {
        // The hello and started frames are shorter than this, so the cut goes through the first one with output.
        Launcher.Result result = launcher.run(damaged("truncate:120"), NOTHING, "echo", "fine".repeat(100));
        assertThat(result.status()).isEqualTo(ExitStatus.DAMAGED_STREAM);
        assertThat(result.output()).isEmpty();
        assertThat(result.errors()).containsPattern("it ends after \\d+ of the \\d+ bytes of a (frame|header)");
    }

    /** The command that loads the module of {@code trouble.c}, which has the guest's kernel warn, oops or hang. */
    private String trouble(String what) throws IOException {
        if (trouble == null) {
            Path directory = newLauncher("trouble").directory();
            for (String file : List.of("trouble.c", "Makefile")) {
                Files.copy(SOURCES.resolve(file), directory.resolve(file), StandardCopyOption.REPLACE_EXISTING);
            }
            Commands.run(VmSetup.moduleCheck(kernel, directory, line -> {}).toArray());
            trouble = directory.resolve("trouble.ko");
        }
        return "insmod " + trouble + " what=" + what;
    }

    @Test
    void anOopsEndsWithTheLastKernelLines() throws Exception {
        Launcher.Result result =
                launcher.run(Map.of(), NOTHING, "sh", "-c", "echo before; sleep 1; " + trouble("oops") + "; sleep 60");
        assertThat(result.status()).as(result.errors()).isEqualTo(ExitStatus.GUEST_LOST);
        assertThat(result.output()).isEqualTo("before\n");
        assertThat(result.errors())
                .contains("the guest ended without saying how the command ended")
                .contains("last kernel lines")
                .contains("Kernel panic");
        try (Stream<Path> logs = Files.list(launcher.directory().resolve("target/dblock-vm"))) {
            assertThat(logs.toList())
                    .anySatisfy(log ->
                            assertThat(log).content(StandardCharsets.ISO_8859_1).contains("Kernel panic"));
        }
    }

    @Test
    void aHungGuestIsKilled() throws Exception {
        Process process = launcher.start(
                Map.of("DBLOCK_VM_SILENCE_TIMEOUT", "10"), NOTHING, "vm", "run", "--", "sh", "-c", trouble("hang"));
        Launcher.Result result = launcher.finish(process, "a guest that hangs");
        assertThat(result.status()).as(result.errors()).isEqualTo(ExitStatus.GUEST_LOST);
        assertThat(result.errors())
                .contains("no sign of life from the guest for 10 s (DBLOCK_VM_SILENCE_TIMEOUT sets the limit)")
                .contains("last kernel lines");
        awaitNone("it was killed", process.pid());
    }

    @Test
    void kernelTroubleFailsACommandThatSucceeds() throws Exception {
        Launcher.Result result = launcher.run(
                Map.of(),
                NOTHING,
                "sh",
                "-c",
                // What a program writes to the log is no trouble; a task that hangs in the kernel is, and a warning.
                "echo 'WARNING: said by a program' > /dev/kmsg; " + trouble("warn")
                        + "; echo 1 > /proc/sys/kernel/hung_task_timeout_secs;"
                        + " truncate -s 32M /tmp/image; mkfs.ext4 -q /tmp/image; mkdir /tmp/m;"
                        + " mount -o loop /tmp/image /tmp/m; fsfreeze -f /tmp/m; (touch /tmp/m/x >/dev/null 2>&1 &);"
                        + " for i in $(seq 200); do dmesg | grep -q 'blocked for more' && break; sleep 0.1; done; exit 0");
        assertThat(result.status()).as(result.errors()).isEqualTo(ExitStatus.KERNEL_TROUBLE);
        assertThat(result.errors())
                .contains("the guest's kernel reported trouble while the command ran")
                .contains("trouble on purpose")
                .containsPattern("INFO: task touch:\\d+ blocked for more than")
                .doesNotContain("said by a program");
    }

    @Test
    void aGuestThatDiesBeforeItsCommandIsTriedOnceMore() throws Exception {
        Path counter = launcher.directory().resolve("target/starts");
        Files.deleteIfExists(counter);
        Path program = script("echo x >> '" + counter + "'; [ $(wc -l < '" + counter
                + "') = 1 ] && echo 'cannot start' >&2 && exit 1\nexec " + realOne() + " \"$@\"\n");
        Launcher.Result result = launcher.run(startedAs(program), NOTHING, "echo", "ran");
        assertThat(result.errors())
                .contains("the guest did not start (")
                .contains("ended with status 1")
                .contains("cannot start")
                .contains("trying once more");
        assertThat(result.output()).isEqualTo("ran\n");
        assertThat(result.status()).isZero();
        assertThat(counter).hasContent("x\nx");
    }

    @Test
    void aGuestThatTakesTooLongToBootIsGivenUp() throws Exception {
        Map<String, String> environment = new HashMap<>(slowToBoot());
        environment.put("DBLOCK_VM_BOOT_TIMEOUT", "1");
        Launcher.Result result = launcher.run(environment, NOTHING, "echo", "ran");
        assertThat(result.status()).isEqualTo(ExitStatus.NOT_STARTED);
        assertThat(result.output()).isEmpty();
        assertThat(result.errors())
                .contains("the guest did not start the command within 1 s (DBLOCK_VM_BOOT_TIMEOUT sets the limit)");
    }

    final Path script(String text) throws IOException {
        Path script = Files.writeString(launcher.directory().resolve("program"), "#!/bin/sh\n" + text);
        return Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));
    }

    @Test
    void theGuestEndsWithTheProcessThatStartedItsLauncher() throws Exception {
        Path script = Files.writeString(
                launcher.directory().resolve("script"), "\"$@\" & echo $! > launcher.pid; sleep 1000\n");
        Path named = launcher.directory().resolve("launcher.pid");
        Files.deleteIfExists(named);
        Process parent = launcher.startBelow(
                List.of("sh", script.toString()), Map.of(), NOTHING, "vm", "run", "--", "sh", "-c", UP_AND_WAITS);
        try {
            Poll.until(
                    "the launcher's process id",
                    BOOT_LIMIT,
                    () -> Files.exists(named) && Files.readString(named).endsWith("\n"));
            long pid = Long.parseLong(Files.readString(named).strip());
            ProcessHandle launcherProcess = ProcessHandle.of(pid).orElseThrow();
            awaitProcesses(launcher, pid);
            parent.destroyForcibly();
            awaitNone("the end of the process that started the launcher", pid);
            Poll.until("the end of the launcher", DEATH_LIMIT, () -> !launcherProcess.isAlive());
        } finally {
            parent.descendants().forEach(ProcessHandle::destroyForcibly);
            parent.destroyForcibly();
        }
    }

    @Test
    void aKilledLauncherLeavesNoProcess() throws Exception {
        Process process = launcher.start(Map.of(), NOTHING, "vm", "run", "--", "sh", "-c", UP_AND_WAITS);
        try {
            awaitProcesses(launcher, process.pid());
            process.destroyForcibly();
            awaitNone("kill -9 of the launcher", process.pid());
        } finally {
            process.destroyForcibly();
        }
    }

    @Test
    void aKilledGuestIsNoticedAndLeavesNoProcess() throws Exception {
        Process process = launcher.start(Map.of(), NOTHING, "vm", "run", "--", "sh", "-c", UP_AND_WAITS);
        try {
            Poll.until("the command in the guest", BOOT_LIMIT, () -> launcher.output()
                    .contains("up"));
            awaitProcesses(launcher, process.pid());
            List<ProcessHandle> children = process.children().toList();
            assertThat(children)
                    .as("the launcher's children, of which the guest is one")
                    .hasSize(1);
            children.get(0).destroyForcibly();
            Launcher.Result result = launcher.finish(process, "a guest that is killed");
            assertThat(result.status()).as(result.errors()).isEqualTo(ExitStatus.GUEST_LOST);
            assertThat(result.errors()).contains("the guest ended without saying how the command ended");
            awaitNone("kill -9 of the guest", process.pid());
        } finally {
            process.destroyForcibly();
        }
    }

    @Test
    void aTerminatedLauncherTellsTheCommand() throws Exception {
        // More input than is read, which must not be in the way of the signal.
        Path stdin = Files.write(launcher.directory().resolve("stdin"), bytes);
        Process process = launcher.start(
                Map.of(),
                stdin,
                "vm",
                "run",
                "--",
                "sh",
                "-c",
                "trap 'echo told; exit 0' TERM; echo up; while :; do sleep 0.1; done");
        try {
            Poll.until("the command in the guest", BOOT_LIMIT, () -> launcher.output()
                    .contains("up"));
            process.destroy();
            Launcher.Result result = launcher.finish(process, "TERM");
            assertThat(result.output()).isEqualTo("up\ntold\n");
            assertThat(result.status()).as("128 + SIGTERM").isEqualTo(143);
            awaitNone("the end of its command", process.pid());
        } finally {
            process.destroyForcibly();
        }
    }

    private static void awaitNone(String after, long pid) {
        Poll.until("the end of every process of the guest, after " + after, DEATH_LIMIT, () -> Launcher.guestsOf(pid)
                .isEmpty());
    }
}
