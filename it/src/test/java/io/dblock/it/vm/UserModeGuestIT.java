// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.it.support.Poll;
import io.dblock.vm.VmOptions;
import io.dblock.vm.VmSetup;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.condition.EnabledOnOs;

/** The guest whose kernel is a program. */
@EnabledOnOs(architectures = "amd64", disabledReason = "User Mode Linux is for x86-64 alone")
@EnabledIf("io.dblock.vm.VmSetup#canMakeUserModeKernels")
class UserModeGuestIT extends GuestContract {

    /** Where there is no Landlock, one line says so, and there is no such promise. */
    private static final String UNCONFINED = "the host's files are kept from the guest by its own kernel alone";

    private static final VmOptions KERNEL = VmOptions.defaults().withKernel("uml");

    UserModeGuestIT() {
        super(Map.of("DBLOCK_VM_ACCEL", "uml"), KERNEL, "hostfs");
    }

    @Override
    Map<String, String> startedAs(Path program) throws IOException {
        Path modules = program.resolveSibling("lib");
        Files.deleteIfExists(modules);
        Files.createSymbolicLink(modules, kernel().resolveSibling("lib"));
        return Map.of("DBLOCK_UML_KERNEL", program.toString());
    }

    @Override
    String realOne() {
        return kernel().toString();
    }

    private static Path kernel() {
        Path build = VmSetup.kernelBuildDirectory(KERNEL, line -> {});
        // lib/modules/<release>/build, beside it.
        return build.resolve("../../../../linux").normalize();
    }

    @Override
    Map<String, String> slowToBoot() throws IOException {
        return startedAs(script("exec sleep 1000\n"));
    }

    /** Its kernel, and one for each program in it. */
    @Override
    void awaitProcesses(Launcher launcher, long pid) {
        Poll.until(
                "the kernel, init, the command and a command of its",
                Duration.ofMinutes(5),
                () -> launcher.output().contains("up") && Launcher.guestsOf(pid).size() >= 4);
    }

    /** What root in the guest can do, besides leaving the root that init made. */
    @Test
    void theHostsTreeMountedAnewCannotBeChangedEither() throws Exception {
        Launcher launcher = newLauncher("theHostsTreeMountedAnewCannotBeChangedEither");
        Path directory = launcher.directory();
        Path victim = Files.writeString(directory.resolve("victim"), "untouched");
        Path other = Files.createDirectories(directory.resolve("other"));
        Launcher.Result result = launcher.run(
                Map.of("DIRECTORY", directory.toString()),
                NOTHING,
                "sh",
                "-c",
                """
                mkdir /tmp/again; mount -t hostfs none /tmp/again -o /; cd "/tmp/again$DIRECTORY" || exit 2
                cat victim
                { echo changed > victim; } 2> /dev/null && echo "wrote a file"
                truncate -s 0 victim && echo "truncated a file"
                echo x > beside && echo "made a file"
                mkdir beside && echo "made a directory"
                ln -s victim beside && echo "made a symbolic link"
                ln victim beside && echo "made a link"
                mknod beside p && echo "made a FIFO"
                mv victim target/victim && echo "renamed a file"
                rm -f victim && echo "removed a file"
                rmdir other && echo "removed a directory"
                echo written > target/written && mkdir -p target/made && mv target/written target/made/ && echo as allowed
                """);
        assertThat(result.output()).isEqualTo("untouchedas allowed\n");
        assertThat(victim).hasContent("untouched");
        assertThat(directory.resolve("beside")).doesNotExist();
        assertThat(other).exists();
        assertThat(directory.resolve("target/made/written")).hasContent("written");
    }

    /** Others run guests, too, and may have all processors. */
    @Test
    void eachGuestIsKeptToAProcessorThatNoOtherIsKeptTo() {
        Poll.until("a guest that is kept to one processor", Duration.ofMinutes(10), () -> {
            Launcher one = newLauncher("eachGuestIsKeptToAProcessor");
            Launcher two = newLauncher("eachGuestIsKeptToAnotherProcessor");
            Process first = one.start(Map.of(), NOTHING, "vm", "run", "--", "sh", "-c", UP_AND_WAITS);
            Process second = two.start(Map.of(), NOTHING, "vm", "run", "--", "sh", "-c", UP_AND_WAITS);
            try {
                awaitProcesses(one, first.pid());
                awaitProcesses(two, second.pid());
                String processors = processors(first.pid());
                String others = processors(second.pid());
                if (Runtime.getRuntime().availableProcessors() > 1 && isOne(processors) && isOne(others)) {
                    assertThat(processors).isNotEqualTo(others);
                }
                return isOne(processors) || isOne(others);
            } finally {
                first.destroy();
                second.destroy();
                one.finish(first, "TERM");
                two.finish(second, "TERM");
            }
        });
    }

    private static boolean isOne(String processors) {
        return processors.matches("[0-9]+");
    }

    /** Where all processes of the guest may run, as the kernel lists processors: {@code 0-1}, say. */
    private static String processors(long launcher) {
        return Launcher.guestsOf(launcher).stream()
                .map(UserModeGuestIT::allowed)
                .distinct()
                .collect(Collectors.joining(" and "));
    }

    private static String allowed(ProcessHandle process) {
        try (Stream<String> lines = Files.lines(Path.of("/proc", Long.toString(process.pid()), "status"))) {
            String key = "Cpus_allowed_list:";
            return lines.filter(line -> line.startsWith(key))
                    .map(line -> line.substring(key.length()).strip())
                    .findFirst()
                    .orElseThrow();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void aHostWithoutLandlockIsNamedInOneLine() throws Exception {
        Launcher launcher = newLauncher("aHostWithoutLandlockIsNamedInOneLine");
        Path filter = compiled("no-landlock.c", launcher.directory().resolve("no-landlock"));
        Process process =
                launcher.startBelow(List.of(filter.toString()), Map.of(), NOTHING, "vm", "run", "--", "echo", "ran");
        Launcher.Result result = launcher.finish(process, "a guest without Landlock");
        assertThat(result.status()).as(result.errors()).isZero();
        assertThat(result.output()).isEqualTo("ran\n");
        assertThat(result.errors().lines().filter(line -> line.contains(UNCONFINED)))
                .singleElement()
                .asString()
                .startsWith("junit-dblock: ")
                .contains("Linux 5.19");
    }
}
