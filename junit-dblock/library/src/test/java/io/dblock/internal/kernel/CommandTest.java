// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.DblockException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class CommandTest {
    private static Command shell(String script) {
        return Command.of("sh", "-c", script);
    }

    @Test
    void outputAndErrorsAndStatusAreKept() {
        Command.Result result = shell("echo out; echo err >&2; exit 3").run();
        assertThat(result).isEqualTo(new Command.Result(3, "out\nerr\n", ""));
    }

    @Test
    void outputAndErrorsAreKeptApartForWhoAsks() {
        Command.Result result = shell("echo out; echo err >&2; exit 3").runApart();
        assertThat(result).isEqualTo(new Command.Result(3, "out\n", "err\n"));
        assertThat(shell("echo err >&2; echo out").output()).isEqualTo("out\n");
    }

    @Test
    void whereOutputIsWantedAFailureSaysCommandStatusAndWhatTheProgramSaid() {
        assertThatThrownBy(
                        () -> shell("echo out; echo no such thing >&2; exit 3").output())
                .isInstanceOf(DblockException.class)
                .hasMessage(
                        "'sh -c echo out; echo no such thing >&2; exit 3' failed with status 3:\n    no such thing");
        assertThatThrownBy(() -> shell("echo out; exit 3").output()).hasMessageEndingWith(":\n    out");
    }

    @Test
    void muchOutputIsKeptWhole() {
        Command.Result result = shell("seq 300000; seq 300000 >&2").runApart();
        assertThat(result.output()).hasSize(1988895).isEqualTo(result.errors());
    }

    @Test
    void itRunsInTheCLocaleWithoutInput() {
        assertThat(shell("echo $LC_ALL; cat").run().output()).isEqualTo("C\n");
    }

    @Test
    void itRunsInTheDirectoryThatIsNamed(@TempDir Path directory) throws IOException {
        assertThat(Command.of("pwd", "-P").in(directory).output().strip())
                .isEqualTo(directory.toRealPath().toString());
    }

    @Test
    void aProgramThatTakesTooLongIsKilledWithItsChildrenAndItsOutputShown() {
        long start = System.nanoTime();
        assertThatThrownBy(() -> shell("echo begun; sleep 600.125 & wait")
                        .within(Duration.ofSeconds(1))
                        .run())
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("did not end within 1 s and was killed")
                .hasMessageContaining("begun");
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
        assertThat(ProcessHandle.allProcesses()
                        .filter(process ->
                                process.info().commandLine().orElse("").endsWith("sleep 600.125"))
                        .filter(ProcessHandle::isAlive))
                .isEmpty();
    }

    @Test
    void whoHasSetNoLimitIsToldHowToSetOne() {
        System.setProperty(Command.TIMEOUT_PROPERTY, "1");
        try {
            assertThatThrownBy(() -> Command.run(List.of("sleep", "60")))
                    .hasMessageStartingWith("'sleep 60' did not end within 1 s and was killed")
                    .hasMessageContaining("-Ddblock.commandTimeout");
        } finally {
            System.clearProperty(Command.TIMEOUT_PROPERTY);
        }
    }

    @Test
    void aChildLeftInTheBackgroundDoesNotHoldItUp() {
        assertThat(shell("echo done; sleep 20 &").run().output()).isEqualTo("done\n");
    }

    @Test
    void norDoesOneThatGoesOnToWriteForLongerThanTheLimit() {
        assertThat(shell("echo done; for i in $(seq 600); do echo more; sleep 0.1; done &")
                        .within(Duration.ofSeconds(2))
                        .run()
                        .output())
                .startsWith("done\n");
    }

    @Test
    void aMissingProgramIsNamed() {
        assertThatThrownBy(() -> Command.run(List.of("no-such-program-here", "x")))
                .isInstanceOf(DblockException.class)
                .hasMessageStartingWith("Cannot run 'no-such-program-here x': ");
    }

    @Test
    void aBadTimeLimitIsNamed() {
        System.setProperty(Command.TIMEOUT_PROPERTY, "soon");
        try {
            assertThatThrownBy(Command::timeout)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("dblock.commandTimeout is \"soon\"");
        } finally {
            System.clearProperty(Command.TIMEOUT_PROPERTY);
        }
    }

    @Test
    void theTailIsTheLastLines() {
        assertThat(new Command.Result(0, "a\nb\nc\n", "").tail(2)).isEqualTo("b\nc");
    }

    @Test
    void aProgramIsFoundOnThePathFirstThenWhereRootHasIt(@TempDir Path directory) throws IOException {
        Path program = Files.createFile(
                directory.resolve("sh"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        assertThat(Command.find("sh", "/nowhere:" + directory)).contains(program);
        assertThat(Command.find("sh", "/nowhere::")).get().isNotEqualTo(program);
        assertThat(Command.find("sh", "")).isPresent();
        assertThat(Command.find("no-such-program", directory.toString())).isEmpty();
    }

    @Test
    void aProgramThatWasFoundIsNotLookedForAgain() {
        Map<String, Path> known = new HashMap<>();
        List<String> searches = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            assertThat(Command.find("mkfs.ext4", known, name -> {
                        searches.add(name);
                        return Optional.of(Path.of("/sbin", name));
                    }))
                    .contains(Path.of("/sbin/mkfs.ext4"));
            // One that is missing may be installed meanwhile.
            assertThat(Command.find("mkfs.xfs", known, name -> {
                        searches.add(name);
                        return Optional.empty();
                    }))
                    .isEmpty();
        }
        assertThat(searches).containsExactly("mkfs.ext4", "mkfs.xfs", "mkfs.xfs", "mkfs.xfs");
    }

    @Test
    void onlyWhatCanBeRunIsAProgram(@TempDir Path directory) throws IOException {
        Files.createFile(directory.resolve("file"));
        Files.createDirectory(directory.resolve("directory"));
        assertThat(Command.find("file", directory.toString())).isNotEqualTo(directory.resolve("file"));
        assertThat(Command.find("directory", directory.toString())).isEmpty();
    }
}
