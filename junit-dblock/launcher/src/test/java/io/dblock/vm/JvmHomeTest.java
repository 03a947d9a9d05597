// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.internal.kernel.Command;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests of the directory and its script, with a JDK whose java only prints how it was called. */
class JvmHomeTest {

    private static final GuestImage IMAGE = new GuestImage(
            MachineType.ofThisHost(),
            "6.12.1-test",
            Path.of("/boot/vmlinuz"),
            Path.of("/lib/modules/6.12.1-test"),
            Path.of("/cache/a\\b"),
            List.of("/dblock/modules/9p.ko", "/dblock/modules/overlay.ko"),
            Optional.of(Path.of("/usr/bin/qemu")),
            Path.of("/"));

    @TempDir
    Path directory;

    private Path real;

    @BeforeEach
    void aJdkThatPrintsItsArguments() throws IOException {
        real = Files.createDirectories(directory.resolve("it's a $JDK")).toRealPath();
        Files.createDirectories(real.resolve("bin"));
        Path java = real.resolve("bin/java");
        Files.writeString(
                java,
                "#!/bin/sh\nfor a; do printf '<%s>' \"$a\"; done\necho \" ${JAVA_TOOL_OPTIONS-unset}\""
                        + "\" ${DBLOCK_KEPT_JAVA_TOOL_OPTIONS-unset}\"\n");
        Files.setPosixFilePermissions(java, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.writeString(real.resolve("release"), "JAVA_VERSION=\"17.0.15\"\n");
    }

    @Test
    void looksLikeTheRealJdk() throws IOException {
        JvmHome home = create(Optional.of(IMAGE));
        assertThat(home.java()).isExecutable().hasFileName("java");
        assertThat(home.java().getParent()).hasFileName("bin");
        assertThat(home.directory().resolve("release")).hasContent("JAVA_VERSION=\"17.0.15\"");
        assertThat(home.inGuest()).isTrue();
    }

    @Test
    void ofAJdkThatDoesNotTellItsReleaseTheJvmIsAsked() throws IOException {
        Files.delete(real.resolve("release"));
        Files.writeString(real.resolve("bin/java"), "#!/bin/sh\necho '    java.version = 99.0.1' >&2\n");
        assertThat(create(Optional.of(IMAGE)).directory().resolve("release")).hasContent("JAVA_VERSION=\"99.0.1\"");
    }

    @Test
    void remembersTheGuest() {
        JvmHome home = create(Optional.of(IMAGE));
        Path file = home.directory().resolve(JvmHome.PROPERTIES);
        assertThat(GuestImage.of(GuestImage.read(file), file)).isEqualTo(IMAGE);
        assertThat(JvmHome.realJavaHome(GuestImage.read(file))).isEqualTo(real);
        assertThatThrownBy(IMAGE::check)
                .isInstanceOf(VmException.class)
                .hasMessageContaining("which is not there any more; run 'setup' again");
    }

    @Test
    void startsTheLauncherWithTheUsersArgumentsUnchanged() {
        JvmHome home = create(Optional.of(IMAGE));
        String output = run(home.java(), List.of(), "-Da=b c", "", "*", "$(x) 'q'");
        assertThat(output).contains("<io.dblock.vm.JavaInGuest><" + home.directory() + "><-Da=b c><><*><$(x) 'q'>");
    }

    @Test
    void tellsTheLauncherWhoStartedIt() {
        JvmHome home = create(Optional.of(IMAGE));
        assertThat(run(home.java(), List.of()))
                .contains("<-Ddblock.vm.parent=" + ProcessHandle.current().pid() + ">");
    }

    @Test
    void findsItselfThroughLinks() throws IOException {
        JvmHome home = create(Optional.of(IMAGE));
        Path link = Files.createSymbolicLink(directory.resolve("java-link"), home.java());
        Path second = Files.createSymbolicLink(directory.resolve("second"), Path.of("java-link"));
        assertThat(run(second, List.of(), "-version"))
                .contains("<io.dblock.vm.JavaInGuest><" + home.directory() + "><-version>");
        assertThat(link).exists();
    }

    @Test
    void hasAPathThatStays() throws IOException {
        JvmHome first = create(Optional.of(IMAGE));
        Path link = first.directory().resolveSibling("current");
        JvmHome stable = first.linked(link);
        assertThat(stable.java()).isEqualTo(link.resolve("bin/java"));
        assertThat(run(stable.java(), List.of(), "-version"))
                .contains("<io.dblock.vm.JavaInGuest><" + first.directory() + ">");

        Path other = Files.createDirectory(link.resolveSibling("other"));
        new JvmHome(other, true, "another").linked(link);
        assertThat(link.toRealPath()).isEqualTo(other.toRealPath());
        assertThat(link.getParent())
                .isDirectoryNotContaining(path -> path.getFileName().toString().startsWith(".link"));
    }

    @Test
    void keepsVariablesThatWouldChangeTheLauncherForTheGuest() {
        JvmHome home = create(Optional.of(IMAGE));
        assertThat(run(home.java(), List.of("JAVA_TOOL_OPTIONS=-Dx=y z"))).endsWith(" unset -Dx=y z\n");
    }

    @Test
    void inTheGuestItIsTheRealJava() {
        JvmHome home = create(Optional.of(IMAGE));
        assertThat(run(home.java(), List.of("DBLOCK_GUEST=1"), "-version")).startsWith("<-version> ");
    }

    @Test
    void onAHostThatCanLoadModulesItIsTheRealJava() {
        JvmHome home = create(Optional.empty());
        assertThat(home.inGuest()).isFalse();
        assertThat(run(home.java(), List.of(), "-version", "a b")).startsWith("<-version><a b> ");
        Command.Result result = Command.of(home.java().toString())
                .within(Duration.ofSeconds(20))
                .runApart();
        assertThat(result.errors()).isEqualTo("junit-dblock: what it's for\n");
    }

    @Test
    void refusesADirectoryOfItsOwnAsTheRealJdk() {
        JvmHome home = create(Optional.of(IMAGE));
        assertThatThrownBy(() -> JvmHome.create(directory.resolve("b"), home.directory(), Optional.empty(), "x"))
                .isInstanceOf(VmException.class)
                .hasMessageContaining("made by 'setup', not a real JDK");
        assertThatThrownBy(() -> JvmHome.create(directory.resolve("b"), directory, Optional.empty(), "x"))
                .hasMessageContaining("is no JDK: it has no bin/java");
    }

    private JvmHome create(Optional<GuestImage> image) {
        return JvmHome.create(directory.resolve("jvm home"), real, image, "what it's for");
    }

    private static String run(Path java, List<String> environment, String... arguments) {
        List<String> command = new ArrayList<>(List.of("env", "-u", "DBLOCK_GUEST", "-u", "JAVA_TOOL_OPTIONS"));
        command.addAll(environment);
        command.add(java.toString());
        command.addAll(List.of(arguments));
        return Command.of(command).within(Duration.ofSeconds(20)).output();
    }
}
