// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.internal.module.JvmOptions;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests of the arguments and settings that the launcher gives to the JVM, QEMU and the guest's init. */
class LauncherTest {

    private static final GuestImage IMAGE = new GuestImage(
            MachineType.ofThisHost(),
            "6.12.1-test",
            Path.of("/boot/vmlinuz"),
            Path.of("/tmp/cache/modules"),
            Path.of("/tmp/cache/initramfs"),
            List.of("/dblock/modules/9p.ko"),
            Optional.of(Path.of("/usr/bin/qemu")),
            Path.of("/"));

    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void underEmulationTheJvmGetsFlagsThatStartItFaster(int processors) {
        List<String> expected = new ArrayList<>(List.of("-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto"));
        expected.addAll(JvmOptions.fastStart(Runtime.version().feature(), processors));
        expected.add("-XX:+UseSerialGC");
        assertThat(JavaInGuest.emulationFlags(List.of("-jar", "x.jar"), Map.of(), processors))
                .isEqualTo(expected);
    }

    @Test
    void aCollectorThatTheUserChoseIsTheOnlyOne() throws IOException {
        Path file = Files.writeString(directory.resolve("args"), "-Xmx1g\n-XX:+UseZGC\n");
        assertThat(JavaInGuest.emulationFlags(List.of("-XX:+UseG1GC"), Map.of(), 2))
                .doesNotContain("-XX:+UseSerialGC");
        assertThat(JavaInGuest.emulationFlags(List.of("@" + file), Map.of(), 2)).doesNotContain("-XX:+UseSerialGC");
        assertThat(JavaInGuest.emulationFlags(
                        List.of(), Map.of("DBLOCK_KEPT_JAVA_TOOL_OPTIONS", "-Da -XX:+UseParallelGC"), 2))
                .doesNotContain("-XX:+UseSerialGC");
        assertThat(JavaInGuest.emulationFlags(List.of("@no-such-file", "-XX:+UseCompressedOops"), Map.of(), 2))
                .contains("-XX:+UseSerialGC");
    }

    @Test
    void aLauncherWhoseParentEndedWhileItStartedIsAnOrphan() {
        ProcessHandle self = ProcessHandle.current();
        Optional<ProcessHandle> init = ProcessHandle.of(1);
        assertThat(GuestRun.isOrphan(self.pid(), init)).isTrue();
        assertThat(GuestRun.isOrphan(self.pid(), Optional.of(self))).isFalse();
        assertThat(GuestRun.isOrphan(null, init)).isFalse();
        assertThat(GuestRun.isOrphan(self.pid(), Optional.empty())).isFalse();
    }

    @Test
    void qemuCannotChangeTheHostsTreeAndDiesWithTheLauncher() {
        List<String> command = QemuProcess.command(
                IMAGE,
                Accelerator.TCG,
                VmSettings.of(Map.of(VmSettings.MEMORY, "512", VmSettings.CMDLINE, "debug")),
                1,
                Path.of("/tmp/run"));
        assertThat(command).startsWith("setsid", "setpriv", "--pdeathsig", "KILL", "/usr/bin/qemu");
        assertThat(command)
                .contains("local,id=root,path=/tmp/run/root,security_model=none,multidevs=remap,readonly=on")
                .contains("local,id=share0,path=/tmp/run/share0,security_model=none,multidevs=remap")
                .contains("512M", "-no-reboot", "-nodefaults");
        assertThat(command.get(command.indexOf("-append") + 1))
                .contains("panic=-1 oops=panic")
                .endsWith(" debug");
    }

    private static final GuestImage PROGRAM = new GuestImage(
            MachineType.ofThisHost(),
            "7.3.4-test",
            Path.of("/cache/linux"),
            Path.of("/cache/lib/modules/7.3.4-test"),
            Path.of("/cache/initramfs"),
            List.of(),
            Optional.empty(),
            Path.of("/"));

    @Test
    void aKernelThatIsAProgramRunsByItselfAndDiesWithTheLauncher() {
        assertThat(PROGRAM.isProgram()).isTrue();
        assertThat(AcceleratorChoice.choose(PROGRAM, VmSettings.of(Map.of()), directory, line -> {})
                        .accelerator())
                .isEqualTo(Accelerator.UML);
        assertThat(UserModeProcess.command(
                        Path.of("/cache/linux"),
                        Path.of("/tmp/run/initramfs"),
                        Path.of("/tmp/run"),
                        VmSettings.of(Map.of(VmSettings.MEMORY, "512", VmSettings.CMDLINE, "debug x=y"))))
                .startsWith("/cache/linux")
                .containsSubsequence("mem=512M", "seccomp=on", "panic=-1", "debug", "x=y");
    }

    @Test
    void whatWasPreparedIsNotRunByAnything() {
        VmSettings tcg = VmSettings.of(Map.of(VmSettings.ACCEL, "tcg"));
        assertThatThrownBy(() -> AcceleratorChoice.choose(PROGRAM, tcg, directory, line -> {}))
                .isInstanceOf(VmException.class)
                .hasMessageContaining("DBLOCK_VM_ACCEL=tcg does not run the kernel /cache/linux")
                .hasMessageContaining("Run 'setup' again");
        VmSettings uml = VmSettings.of(Map.of(VmSettings.ACCEL, "uml"));
        assertThatThrownBy(() -> AcceleratorChoice.choose(IMAGE, uml, directory, line -> {}))
                .isInstanceOf(VmException.class)
                .hasMessageContaining("DBLOCK_VM_ACCEL=uml does not run the kernel /boot/vmlinuz");
    }

    @Test
    void aGuestOfAnotherArchitectureSeesItsOwnRootAndTheKernelsModules() throws IOException {
        GuestImage image = new GuestImage(
                MachineType.ARMHF,
                "6.12.1-armmp",
                Path.of("/boot/vmlinuz"),
                Path.of("/cache/modules"),
                Path.of("/cache/initramfs"),
                List.of(),
                Optional.of(Path.of("/usr/bin/qemu")),
                Path.of("/cache/root"));
        List<String> command =
                QemuProcess.command(image, Accelerator.TCG, VmSettings.of(Map.of()), 0, Path.of("/tmp/run"));
        assertThat(command)
                .containsSubsequence("-machine", "virt,highmem=off")
                .contains("local,id=root,path=/tmp/run/root,security_model=none,multidevs=remap,readonly=on")
                .contains("local,id=modules,path=/tmp/run/modules,security_model=none,multidevs=remap,readonly=on");
        assertThat(command.get(command.indexOf("-append") + 1)).startsWith("console=ttyAMA0 ");
        GuestCommand guestCommand = new GuestCommand(List.of(bytes("true")), List.of(), bytes("/home/x"), "0022");
        String records = new String(
                GuestLauncher.configuration(image, guestCommand, List.of(), Path.of("/home/x"))
                        .toBytes(),
                StandardCharsets.ISO_8859_1);
        assertThat(records.split("\0", -1))
                .containsSubsequence("share.tag=modules", "share.path=/cache/modules")
                .contains("modules.directory=/cache/modules");
        assertThat(AcceleratorChoice.choose(image, VmSettings.of(Map.of()), directory, line -> {}))
                .isEqualTo(new AcceleratorChoice(Accelerator.TCG, "its processor, armhf, is not this host's"));
    }

    @Test
    void initIsToldEverythingByteForByte() throws IOException {
        GuestCommand command = new GuestCommand(
                List.of(bytes("prog"), bytes(""), new byte[] {(byte) 0xfe}),
                List.of(bytes("A=1\n2")),
                bytes("/home/x"),
                "0027");
        String records = new String(
                GuestLauncher.configuration(IMAGE, command, List.of(Path.of("/home/x/target")), Path.of("/home/x"))
                        .toBytes(),
                StandardCharsets.ISO_8859_1);
        assertThat(records.split("\0", -1))
                .contains(
                        "mode=run",
                        "module=/dblock/modules/9p.ko",
                        "modules.directory=/tmp/cache/modules",
                        "share.tag=share0",
                        "share.path=/home/x/target",
                        "umask=0027",
                        "cwd=/home/x",
                        "env=A=1\n2",
                        "env=DBLOCK_GUEST=1")
                .containsSubsequence("arg=prog", "arg=", "arg=\u00fe");
    }

    @Test
    void ofTheHostsTmpTheGuestGetsWhatTheCommandNeeds() throws IOException {
        // As Surefire makes it: an empty jar whose manifest has a class path relative to the jar.
        Path jar = directory.resolve("booter.jar");
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        String up = "../".repeat(directory.getNameCount());
        manifest.getMainAttributes()
                .put(Attributes.Name.CLASS_PATH, up + "tmp/repository/a.jar " + up + "tmp/class%20es/ http://x/tmp/no");
        new JarOutputStream(Files.newOutputStream(jar), manifest).close();
        Path arguments = Files.writeString(directory.resolve("arguments"), "-cp\n/tmp/by-file/x.jar\n");
        GuestCommand command = new GuestCommand(
                List.of(
                        bytes("sh"),
                        bytes("-c"),
                        bytes("insmod /tmp/mod/x.ko -f=/tmp/b,/var/tmp/c; cat </tmp/../etc"),
                        bytes(jar.toString()),
                        bytes("@" + arguments),
                        bytes("no-such.jar")),
                List.of(bytes("TMPDIR=/tmp/d")),
                bytes("/tmp/work dir/x"),
                "0022");
        String records = new String(
                GuestLauncher.configuration(
                                IMAGE, command, List.of(Path.of("/tmp/share/s")), Path.of("/tmp/work dir/x"))
                        .toBytes(),
                StandardCharsets.ISO_8859_1);
        assertThat(records.split("\0", -1))
                .contains("keep=/tmp/work dir", "keep=/tmp/mod", "keep=/tmp/b", "keep=/tmp/share", "keep=/tmp/cache")
                .contains("keep=/tmp/repository", "keep=/tmp/class es", "keep=/tmp/by-file", "keep=/tmp/d")
                .doesNotContain("keep=/tmp/c", "keep=/tmp/no", "keep=/tmp/..", "keep=/tmp/cache/modules");
    }

    @Test
    void anUnknownArchitectureIsNamed() {
        String arch = System.getProperty("os.arch");
        System.setProperty("os.arch", "vax");
        try {
            assertThatThrownBy(MachineType::ofThisHost)
                    .isInstanceOf(VmException.class)
                    .hasMessageContaining("no guest machine for the architecture 'vax'");
        } finally {
            System.setProperty("os.arch", arch);
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
