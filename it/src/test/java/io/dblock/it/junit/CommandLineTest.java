// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.junit;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.it.support.Commands;
import io.dblock.it.support.Poll;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command line in processes of its own, as a user runs it in two terminals. */
class CommandLineTest {
    /** Under emulation, on a loaded machine, a JVM takes up to a minute to start. */
    private static final Duration LIMIT = Duration.ofMinutes(5);

    @TempDir
    Path dir;

    private static List<String> commandLine(String... arguments) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("java.class.path"),
                "io.dblock.cli.Main"));
        command.addAll(List.of(arguments));
        return command;
    }

    private static Commands.Result run(String... arguments) {
        return Commands.tryRun(commandLine(arguments).toArray());
    }

    private Process start(String... arguments) throws Exception {
        return new ProcessBuilder(commandLine(arguments))
                .redirectOutput(dir.resolve("out").toFile())
                .redirectError(dir.resolve("err").toFile())
                .start();
    }

    private void awaitOutput(Process process, String expected) {
        Poll.until("'" + expected + "' to be printed", LIMIT, () -> {
            String output = Files.readString(dir.resolve("out"));
            assertThat(process.isAlive() || output.contains(expected))
                    .as("it goes on, or has said: %s%s", output, Files.readString(dir.resolve("err")))
                    .isTrue();
            return output.contains(expected);
        });
    }

    private void assertEndsWith(int status, Process process) throws Exception {
        assertThat(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS))
                .as("it ends")
                .isTrue();
        assertThat(process.exitValue())
                .as("exit status; said: %s", Files.readString(dir.resolve("err")))
                .isEqualTo(status);
    }

    @Test
    void aRamdiskIsMadeUsedListedAndDestroyedFromAnotherTerminal() throws Exception {
        Path node = Path.of("/dev/dblockcli");
        Process server = start("ramdisk", "cli", "32MiB");
        try {
            awaitOutput(server, node + "\n");
            Commands.Result second = run("ramdisk", "cli", "1MiB");
            assertThat(second.status()).isEqualTo(1);
            assertThat(second.output())
                    .startsWith("junit-dblock: ")
                    .contains("dblockcli")
                    .doesNotContain("\tat ");

            Commands.run("mkfs.ext4", "-q", node);
            Path mount = Files.createDirectory(dir.resolve("mnt"));
            Commands.run("mount", node, mount);
            try {
                Files.writeString(mount.resolve("file"), "content");

                assertThat(run("list").orFail()).containsPattern("dblockcli +32MiB +live +1 +" + server.pid());

                Commands.Result refused = run("destroy", "cli");
                assertThat(refused.status()).isEqualTo(1);
                assertThat(refused.output().lines().toList())
                        .singleElement()
                        .asString()
                        .contains("dblockcli is in use: open 1 time");
            } finally {
                Commands.run("umount", mount);
            }
            assertThat(run("destroy", "cli").orFail()).isEmpty();
            assertEndsWith(0, server);
            assertThat(node).doesNotExist();
            assertThat(Files.readString(dir.resolve("err"))).isEmpty();
        } finally {
            server.destroyForcibly();
        }
    }

    @Test
    void aRamdiskEndsWithStatusZeroWhenInterrupted() throws Exception {
        Path node = Path.of("/dev/dblockcli2");
        Process server = start("ramdisk", "cli2", "1MiB");
        try {
            awaitOutput(server, node + "\n");
            Commands.run("kill", "-INT", server.pid());
            assertEndsWith(0, server);
            assertThat(node).doesNotExist();
        } finally {
            server.destroyForcibly();
        }
    }

    @Test
    void aRamdiskInUseIsDestroyedByForce() throws Exception {
        Path node = Path.of("/dev/dblockcli3");
        Process server = start("ramdisk", "cli3", "1MiB");
        Process reader = null;
        try {
            awaitOutput(server, node + "\n");
            reader = new ProcessBuilder("sleep", "300")
                    .redirectInput(node.toFile())
                    .start();
            assertThat(run("destroy", "--force", "cli3").orFail()).isEmpty();
            assertEndsWith(0, server);
            assertThat(node).doesNotExist();
        } finally {
            server.destroyForcibly();
            if (reader != null) {
                reader.destroyForcibly();
            }
        }
    }

    @Test
    void theDoctorFindsThatTestsCanRunHere() {
        assertThat(run("doctor").orFail())
                .contains("  OK   privileges: ")
                .contains("  OK   mkfs.ext4: ")
                .contains("Tests can run on this machine's kernel.")
                .doesNotContain("  NO ");
    }
}
