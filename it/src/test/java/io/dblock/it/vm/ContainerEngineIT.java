// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.it.support.ClassPath;
import io.dblock.it.support.Commands;
import io.dblock.it.support.LauncherCommand;
import io.dblock.vm.ExitStatus;
import io.dblock.vm.VmSetup;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Containers in a guest, of images that {@code images.sh} makes. */
class ContainerEngineIT {

    private static final Path NOTHING = Path.of("/dev/null");
    private static final String FASTEST = VmSetup.canMakeUserModeKernels() ? "uml" : "6.12";

    private static String images;

    /** A guest of each kind. */
    static Stream<String> kernels() {
        return Stream.of(FASTEST, "6.12").distinct();
    }

    @BeforeAll
    static void imagesOfDebiansPackages() {
        images = String.join(
                ":",
                Commands.run("sh", Path.of("src/images/images.sh").toAbsolutePath(), "debian", "postgres")
                        .lines()
                        .filter(line -> line.startsWith("/"))
                        .toList());
    }

    private static Launcher.Result run(Launcher launcher, String kernel, String... command) throws Exception {
        List<String> words = new ArrayList<>(List.of("vm", "run", "--kernel", kernel, "--"));
        words.addAll(List.of(command));
        Process process = launcher.start(Map.of("DBLOCK_VM_IMAGES", images), NOTHING, words.toArray(String[]::new));
        return launcher.finish(process, String.join(" ", command));
    }

    private static Launcher.Result run(Launcher launcher, String kernel, List<String> parts) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                LauncherCommand.java(),
                "-XX:TieredStopAtLevel=1",
                "-cp",
                ClassPath.of(BlockDevice.class, com.sun.jna.Native.class, ContainersInGuest.class),
                ContainersInGuest.class.getName()));
        command.addAll(parts);
        return run(launcher, kernel, command.toArray(String[]::new));
    }

    /** What the engine said in the last guest of this launcher. */
    private static String engineLog(Launcher launcher) throws IOException {
        TreeSet<Path> logs = new TreeSet<>();
        try (DirectoryStream<Path> files =
                Files.newDirectoryStream(launcher.directory().resolve("target/dblock-vm"), "engine-*.log")) {
            files.forEach(logs::add);
        }
        return logs.isEmpty() ? "" : Files.readString(logs.last());
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void aContainersFilesAreOnADisk(String kernel) throws Exception {
        Launcher launcher = new Launcher("engine-disk-" + kernel);
        // In an emulated guest, building the module takes minutes.
        Process setup = launcher.start(
                Map.of(),
                NOTHING,
                "setup",
                "--guest=always",
                "--kernel=" + kernel,
                "--jvm=" + launcher.directory().resolve("jvm"));
        Launcher.Result prepared = launcher.finish(setup, "setup");
        assertThat(prepared.status()).as(prepared.errors()).isZero();
        Launcher.Result result = run(launcher, kernel, List.of("disk"));
        assertThat(result.status()).as(result.errors() + engineLog(launcher)).isZero();
        assertThat(result.output().lines()).contains("hi from root", "before the cut: lost", "after the cut: durable,");
    }

    @Test
    void aContainerOpensOnlyTheDisksThatItWasGiven() throws Exception {
        Launcher launcher = new Launcher("engine-node");
        Launcher.Result result = run(launcher, FASTEST, List.of("node"));
        assertThat(result.status()).as(result.errors() + engineLog(launcher)).isZero();
        assertThat(result.output().lines())
                .as(result.errors())
                .contains("without: refused", "device: mkfs done, mount refused", "privileged: mount done");
    }

    @Test
    void aDatabaseIsReachedByItsPortAndItsName() throws Exception {
        Launcher launcher = new Launcher("engine-ports");
        Launcher.Result result = run(launcher, FASTEST, List.of("ports"));
        assertThat(result.status()).as(result.errors() + engineLog(launcher)).isZero();
        assertThat(result.output().lines()).contains("through the port: N", "by its name: 42", "times it was ready: 2");
    }

    @Test
    void aGuestWithoutContainersHasNoEngine() throws Exception {
        Launcher launcher = new Launcher("engine-unused");
        Launcher.Result result = run(launcher, FASTEST, "sh", "-c", "test -S /run/docker.sock; echo $?; ps -e");
        assertThat(result.status()).as(result.errors()).isZero();
        assertThat(result.output()).startsWith("0\n").doesNotContain("dockerd");
        assertThat(engineLog(launcher)).isEmpty();
    }

    @Test
    void anEngineThatEndsIsReportedWithTheReason() throws Exception {
        Launcher launcher = new Launcher("engine-dead");
        Launcher.Result result = run(
                launcher,
                FASTEST,
                "sh",
                "-c",
                // The end is reported to the command's standard error, whichever that is then.
                "exec 3>&2 2> /tmp/errors; docker version > /dev/null && echo first; kill -9 $(cat /run/docker.pid);"
                        + " for try in $(seq 600); do grep -q ended /tmp/errors && break; sleep 0.1; done;"
                        + " cat /tmp/errors >&3; echo second");
        assertThat(result.output()).as(result.errors()).isEqualTo("first\nsecond\n");
        assertThat(result.errors()).contains("the container engine ended by signal 9; what it said: ");
        assertThat(engineLog(launcher)).contains("API listen on");
    }

    @Test
    void aFileThatIsNoImageIsSaidBeforeTheCommand() throws Exception {
        Launcher launcher = new Launcher("engine-no-image");
        Path file = Files.writeString(launcher.directory().resolve("file"), "no image");
        Process process = launcher.start(
                Map.of("DBLOCK_VM_IMAGES", file.toString()),
                NOTHING,
                "vm",
                "run",
                "--kernel",
                FASTEST,
                "--",
                "echo",
                "ran");
        Launcher.Result result = launcher.finish(process, "a guest with an image that is none");
        assertThat(result.status()).as(result.errors()).isEqualTo(ExitStatus.NOT_STARTED);
        assertThat(result.output()).isEmpty();
        assertThat(result.errors())
                .contains("the container images [" + file + "] could not be loaded into the engine of a guest");
    }
}
