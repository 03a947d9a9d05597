// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.it.support.Commands;
import io.dblock.it.support.Poll;
import io.dblock.vm.ExitStatus;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;

/** Commands in a guest: everything goes through as on the host, nothing else gets out, no failure is lost. */
class GuestRunIT {

    private static final Path NOTHING = Path.of("/dev/null");
    private static final Duration BOOT_LIMIT = Duration.ofMinutes(5);

    private Launcher launcher;

    @BeforeEach
    void aDirectoryPerTest(TestInfo test) throws IOException {
        launcher = new Launcher(test.getTestMethod().orElseThrow().getName());
    }

    @Test
    void argumentsEnvironmentDirectoryStreamsAndStatusGoThroughExactly() throws Exception {
        byte[] megabyte = new byte[1 << 20];
        new Random(2).nextBytes(megabyte);
        Path stdin = Files.write(launcher.directory().resolve("stdin"), megabyte);
        String odd = "a  b\n'\"$HOME\\ \u00e4*";
        String script = "for a; do printf '<%s>' \"$a\"; done >&2; printf '[%s][%s][%s][%s]' \"$ODD\" \"$PWD\""
                + " \"$(umask)\" \"$DBLOCK_GUEST\" >&2; cat; exit 42";
        Launcher.Result result =
                launcher.run(Map.of("ODD", odd, "LC_ALL", "C.UTF-8"), stdin, "sh", "-c", script, "sh", "", odd, "-x");
        assertThat(result.status()).isEqualTo(42);
        assertThat(Files.readAllBytes(result.stdout())).isEqualTo(megabyte);
        String latin = new String(odd.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
        assertThat(result.errors())
                .contains("<><" + latin + "><-x>[" + latin + "][" + launcher.directory() + "][0022][1]");
    }

    @Test
    void onlyTargetCanBeChangedFromInside() throws Exception {
        Path victim = Files.writeString(launcher.directory().resolve("victim"), "untouched");
        Path source = Files.writeString(launcher.directory().resolve("target/escape.c"), ESCAPE);
        Commands.run("cc", "-static", "-o", launcher.directory().resolve("target/escape"), source);
        Launcher.Result result = launcher.run(
                Map.of(),
                NOTHING,
                "sh",
                "-c",
                "echo changed > victim && echo new > beside && cat victim && echo written > target/written;"
                        + " cp target/escape /tmp/escape; /tmp/escape " + victim + "; kill -SEGV $$");
        assertThat(result.output()).isEqualTo("changed\nthe host's tree is below\nwrite: Read-only file system\n");
        assertThat(result.status()).as("128 + SIGSEGV").isEqualTo(139);
        assertThat(victim).hasContent("untouched");
        assertThat(launcher.directory().resolve("beside")).doesNotExist();
        assertThat(launcher.directory().resolve("target/written")).hasContent("written");
    }

    /**
     * Leaves the root that init made, makes the host's tree below it writable as far as the guest's kernel goes, and
     * writes there: then only QEMU is left to refuse.
     */
    private static final String ESCAPE =
            """
            #define _GNU_SOURCE
            #include <errno.h>
            #include <fcntl.h>
            #include <sched.h>
            #include <stdio.h>
            #include <string.h>
            #include <sys/mount.h>
            #include <unistd.h>

            int main(int argc, char **argv)
            {
                char path[4096];
                int ns = open("/proc/self/ns/mnt", O_RDONLY);
                /* Without what is mounted on it, the root of the namespace is the initramfs. */
                if (argc != 2 || ns < 0 || umount2("/", MNT_DETACH) || setns(ns, CLONE_NEWNS)
                    || mount("root", "/lower", "9p", MS_REMOUNT, "")) {
                    perror("escape");
                    return 1;
                }
                snprintf(path, sizeof(path), "/lower%s", argv[1]);
                if (access(path, R_OK) == 0)
                    puts("the host's tree is below");
                int fd = open(path, O_WRONLY | O_TRUNC);
                printf("write: %s\\n", fd < 0 || write(fd, "changed", 7) < 0 ? strerror(errno) : "it worked");
                return 0;
            }
            """;

    @Test
    void oneLineSaysWhatTheGuestRunsOn() throws Exception {
        Launcher.Result result = launcher.run(Map.of(), NOTHING, "uname", "-r");
        assertThat(result.status()).isZero();
        assertThat(result.errors().lines().filter(line -> line.startsWith("junit-dblock: guest with kernel ")))
                .singleElement()
                .asString()
                .startsWith("junit-dblock: guest with kernel " + result.output().strip() + ", 2 CPUs, 3072 MiB, under ")
                .containsPattern(
                        "under (KVM|TCG) \\(.+\\); kernel log: " + launcher.directory() + "/target/dblock-vm/kernel-");
    }

    /** With QEMU's, an interrupt at the wrong moment ends in a double fault. */
    @Test
    void anEmulatedProcessorHasNoCmpxchg16b() throws Exception {
        Launcher.Result result = launcher.run(
                Map.of("DBLOCK_VM_ACCEL", "tcg"), NOTHING, "sh", "-c", "grep -c -w cx16 /proc/cpuinfo || true");
        assertThat(result.output().strip()).isEqualTo("0");
    }

    /** QEMU takes a step for each byte: all copying would be slow. */
    @Test
    void anEmulatedProcessorHasNoFastStringInstructions() throws Exception {
        Launcher.Result result = launcher.run(
                Map.of("DBLOCK_VM_ACCEL", "tcg"),
                NOTHING,
                "sh",
                "-c",
                "grep -c -w -E 'erms|fsrm' /proc/cpuinfo || true");
        assertThat(result.output().strip()).isEqualTo("0");
    }

    @Test
    void modulesOfTheGuestsKernelAreLoadedOnRequest() throws Exception {
        Launcher.Result result = launcher.run(
                Map.of(),
                NOTHING,
                "sh",
                "-ec",
                "truncate -s 32M /tmp/image; mkfs.ext4 -q /tmp/image; mkdir /tmp/mounted;"
                        + " mount -o loop /tmp/image /tmp/mounted; grep -c ' /tmp/mounted ext4 ' /proc/mounts");
        assertThat(result.status()).as(result.errors()).isZero();
        assertThat(result.output()).isEqualTo("1\n");
    }

    @Test
    void aStreamWithCrLfIsNeverTakenForAnAnswer() throws Exception {
        Launcher.Result result = launcher.run(Map.of("DBLOCK_VM_INJECT", "crlf"), NOTHING, "echo", "fine");
        assertThat(result.status()).isEqualTo(ExitStatus.DAMAGED_STREAM);
        assertThat(result.output()).isEmpty();
        assertThat(result.errors())
                .contains("the stream from the guest is damaged, nothing of it counts: at frame 0 (byte 0")
                .contains("line feeds were turned into CR LF on the way");
    }

    @Test
    void aTruncatedStreamIsNeverTakenForAnAnswer() throws Exception {
        // The hello and started frames are shorter than this, so the cut goes through the first one with output.
        Launcher.Result result =
                launcher.run(Map.of("DBLOCK_VM_INJECT", "truncate:120"), NOTHING, "echo", "fine".repeat(100));
        assertThat(result.status()).isEqualTo(ExitStatus.DAMAGED_STREAM);
        assertThat(result.output()).isEmpty();
        assertThat(result.errors()).containsPattern("it ends after \\d+ of the \\d+ bytes of a (frame|header)");
    }

    @Test
    void aPanicEndsWithTheLastKernelLines() throws Exception {
        Launcher.Result result = launcher.run(
                Map.of(), NOTHING, "sh", "-c", "echo before; sleep 1; echo c > /proc/sysrq-trigger; sleep 60");
        assertThat(result.status()).isEqualTo(ExitStatus.GUEST_LOST);
        assertThat(result.output()).isEqualTo("before\n");
        assertThat(result.errors())
                .contains("the guest ended without saying how the command ended")
                .contains("last kernel lines")
                .contains("sysrq");
        try (Stream<Path> logs = Files.list(launcher.directory().resolve("target/dblock-vm"))) {
            assertThat(logs.toList())
                    .anySatisfy(log ->
                            assertThat(log).content(StandardCharsets.ISO_8859_1).contains("Kernel panic"));
        }
    }

    @Test
    void aHungGuestIsKilled() throws Exception {
        Process process = launcher.start(
                Map.of("DBLOCK_VM_SILENCE_TIMEOUT", "10"), NOTHING, "run", "--", "sh", "-c", "echo up; sleep 1000");
        try {
            Poll.until("the command in the guest", BOOT_LIMIT, () -> launcher.output()
                    .contains("up"));
            List<ProcessHandle> qemu = Launcher.qemuBelow(process.toHandle());
            assertThat(qemu).hasSize(1);
            // A stopped QEMU is what a hung guest looks like from outside.
            Commands.run("kill", "-STOP", qemu.get(0).pid());
            Launcher.Result result = launcher.finish(process, "a guest that hangs");
            assertThat(result.status()).isEqualTo(ExitStatus.GUEST_LOST);
            assertThat(result.errors())
                    .contains("no sign of life from the guest for 10 s (DBLOCK_VM_SILENCE_TIMEOUT sets the limit)")
                    .contains("last kernel lines");
            assertThat(qemu).noneMatch(ProcessHandle::isAlive);
        } finally {
            process.destroyForcibly();
        }
    }

    @Test
    void kernelTroubleFailsACommandThatSucceeds() throws Exception {
        Launcher.Result result = launcher.run(
                Map.of(),
                NOTHING,
                "sh",
                "-c",
                // What a program writes to the log is no trouble; a task that hangs in the kernel is.
                "echo 'WARNING: said by a program' > /dev/kmsg; echo 1 > /proc/sys/kernel/hung_task_timeout_secs;"
                        + " truncate -s 32M /tmp/image; mkfs.ext4 -q /tmp/image; mkdir /tmp/m;"
                        + " mount -o loop /tmp/image /tmp/m; fsfreeze -f /tmp/m; (touch /tmp/m/x >/dev/null 2>&1 &);"
                        + " for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do"
                        + " dmesg | grep -q 'blocked for more' && break; sleep 1; done; exit 0");
        assertThat(result.status()).isEqualTo(ExitStatus.KERNEL_TROUBLE);
        assertThat(result.errors())
                .contains("the guest's kernel reported trouble while the command ran")
                .containsPattern("INFO: task touch:\\d+ blocked for more than")
                .doesNotContain("said by a program");
    }

    @Test
    void aGuestThatDiesBeforeItsCommandIsTriedOnceMore() throws Exception {
        Path counter = launcher.directory().resolve("starts");
        Files.deleteIfExists(counter);
        Path qemu = launcher.directory().resolve("qemu-that-fails-once");
        Files.writeString(
                qemu,
                "#!/bin/sh\necho x >> " + counter + "\n[ $(wc -l < " + counter
                        + ") = 1 ] && echo 'cannot start' && exit 1\n" + "exec qemu-system-$(uname -m) \"$@\"\n");
        Files.setPosixFilePermissions(qemu, PosixFilePermissions.fromString("rwx------"));
        // Named, so that the choice is not tried on the failing one.
        Launcher.Result result = launcher.run(
                Map.of("DBLOCK_VM_QEMU", qemu.toString(), "DBLOCK_VM_ACCEL", "tcg"), NOTHING, "echo", "ran");
        assertThat(result.errors())
                .contains("the guest did not start (QEMU ended with status 1 before the guest ran: cannot start),"
                        + " trying once more");
        assertThat(result.output()).isEqualTo("ran\n");
        assertThat(result.status()).isZero();
        assertThat(counter).hasContent("x\nx");
    }

    @Test
    void aGuestThatTakesTooLongToBootIsGivenUp() throws Exception {
        Launcher.Result result = launcher.run(Map.of("DBLOCK_VM_BOOT_TIMEOUT", "1"), NOTHING, "echo", "ran");
        assertThat(result.status()).isEqualTo(ExitStatus.NOT_STARTED);
        assertThat(result.output()).isEmpty();
        assertThat(result.errors())
                .contains("the guest did not start the command within 1 s (DBLOCK_VM_BOOT_TIMEOUT sets the limit)");
    }

    @Test
    void theGuestEndsWithTheProcessThatStartedItsLauncher() throws Exception {
        Path script = Files.writeString(
                launcher.directory().resolve("script"), "\"$@\" & echo $! > launcher.pid; sleep 1000\n");
        Process parent = launcher.startBelow(
                List.of("sh", script.toString()), Map.of(), NOTHING, "run", "--", "sh", "-c", "echo up; sleep 1000");
        try {
            Poll.until("the command in the guest", BOOT_LIMIT, () -> launcher.output()
                    .contains("up"));
            List<ProcessHandle> guest = parent.descendants().toList();
            assertThat(Launcher.qemuBelow(parent.toHandle())).hasSize(1);
            long pid = Long.parseLong(Files.readString(launcher.directory().resolve("launcher.pid"))
                    .strip());
            ProcessHandle launcherProcess = ProcessHandle.of(pid).orElseThrow();
            ProcessHandle qemu = Launcher.qemuBelow(parent.toHandle()).get(0);
            assertThat(guest).contains(launcherProcess, qemu);
            parent.destroyForcibly();
            Poll.until("the end of QEMU", Duration.ofSeconds(10), () -> !qemu.isAlive());
            Poll.until("the end of the launcher", Duration.ofSeconds(10), () -> !launcherProcess.isAlive());
        } finally {
            parent.descendants().forEach(ProcessHandle::destroyForcibly);
            parent.destroyForcibly();
        }
    }

    @Test
    void aKilledLauncherLeavesNoQemu() throws Exception {
        Process process = launcher.start(Map.of(), NOTHING, "run", "--", "sh", "-c", "echo up; sleep 1000");
        try {
            Poll.until("the command in the guest", BOOT_LIMIT, () -> launcher.output()
                    .contains("up"));
            List<ProcessHandle> qemu = Launcher.qemuBelow(process.toHandle());
            assertThat(qemu).hasSize(1);
            process.destroyForcibly();
            Poll.until("the end of QEMU after kill -9 of its launcher", Duration.ofSeconds(5), () -> !qemu.get(0)
                    .isAlive());
        } finally {
            process.destroyForcibly();
        }
    }

    @Test
    void aTerminatedLauncherTellsTheCommand() throws Exception {
        Process process = launcher.start(
                Map.of(),
                NOTHING,
                "run",
                "--",
                "sh",
                "-c",
                "trap 'echo told; exit 0' TERM; echo up; while :; do sleep 0.1; done");
        try {
            Poll.until("the command in the guest", BOOT_LIMIT, () -> launcher.output()
                    .contains("up"));
            List<ProcessHandle> qemu = Launcher.qemuBelow(process.toHandle());
            process.destroy();
            Launcher.Result result = launcher.finish(process, "TERM");
            assertThat(result.output()).isEqualTo("up\ntold\n");
            assertThat(result.status()).as("128 + SIGTERM").isEqualTo(143);
            assertThat(qemu).hasSize(1).noneMatch(ProcessHandle::isAlive);
        } finally {
            process.destroyForcibly();
        }
    }
}
