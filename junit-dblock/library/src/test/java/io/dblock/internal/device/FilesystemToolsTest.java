// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.DblockException;
import io.dblock.DeviceSpec;
import io.dblock.Filesystem;
import io.dblock.internal.kernel.Command;
import io.dblock.internal.kernel.MountOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FilesystemToolsTest {
    private static final Path NODE = Path.of("/dev/dblock0");

    private final List<List<String>> commands = new ArrayList<>();
    private Command.Result result = new Command.Result(0, "", "");
    private final List<List<Object>> calls = new ArrayList<>();
    private int error;
    private final FilesystemTools tools = tools(name -> Optional.of(Path.of("/sbin", name)));

    private FilesystemTools tools(Function<String, Optional<Path>> programs) {
        return new FilesystemTools(
                programs,
                command -> {
                    commands.add(command);
                    return result;
                },
                (node, point, type, options) -> {
                    calls.add(List.of(node, point, type, options));
                    return -error;
                });
    }

    private static BlockDevice.Builder disk(Filesystem filesystem) {
        return BlockDevice.builder().size("512MiB").filesystem(filesystem);
    }

    private static DeviceSpec spec(BlockDevice.Builder builder) {
        return ((DeviceBuilder) builder).spec();
    }

    @Test
    void ext4IsMadeWithoutLazyInitialisationAndWithoutAReserve() {
        tools.format(NODE, spec(disk(Filesystem.EXT4)));
        assertThat(commands)
                .containsExactly(List.of(
                        "/sbin/mkfs.ext4",
                        "-q",
                        "-F",
                        "-m",
                        "0",
                        "-E",
                        "lazy_itable_init=0,lazy_journal_init=0",
                        "/dev/dblock0"));
    }

    @Test
    void theUsersExtendedOptionsDoNotReplaceOurs() {
        assertThat(FilesystemTools.makerOptions(
                        Filesystem.EXT4, List.of("-E", "stride=4", "-b", "4096", "-Enodiscard", "-m", "5")))
                .containsExactly(
                        "-q",
                        "-F",
                        "-m",
                        "0",
                        "-E",
                        "lazy_itable_init=0,lazy_journal_init=0,stride=4,nodiscard",
                        "-b",
                        "4096",
                        "-m",
                        "5");
    }

    @Test
    void xfsAndBtrfsAreMadeQuietlyOverWhateverIsThere() {
        tools.format(NODE, spec(disk(Filesystem.XFS).mkfsOptions("-m", "reflink=0")));
        tools.format(NODE, spec(disk(Filesystem.BTRFS)));
        assertThat(commands)
                .containsExactly(
                        List.of("/sbin/mkfs.xfs", "-q", "-f", "-m", "reflink=0", "/dev/dblock0"),
                        List.of("/sbin/mkfs.btrfs", "-q", "-f", "/dev/dblock0"));
    }

    @Test
    void aMissingMkfsIsNamedWithItsPackage() {
        FilesystemTools none = tools(name -> Optional.empty());
        Map.of(Filesystem.EXT4, "e2fsprogs", Filesystem.XFS, "xfsprogs", Filesystem.BTRFS, "btrfs-progs")
                .forEach((filesystem, tools) -> assertThatThrownBy(() -> none.format(NODE, spec(disk(filesystem))))
                        .isInstanceOf(DblockException.class)
                        .hasMessageContaining("there is no mkfs." + filesystem.type())
                        .hasMessageContaining("apt-get install " + tools)
                        .hasMessageContaining("dnf install " + tools));
    }

    @Test
    void aFailingMkfsShowsItsCommandAndOutput() {
        result = new Command.Result(1, "invalid blocks\n", "");
        assertThatThrownBy(() -> tools.format(NODE, spec(disk(Filesystem.EXT4).mkfsOptions("-b", "17"))))
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("-b 17 /dev/dblock0\" ended with status 1")
                .hasMessageContaining("invalid blocks");
    }

    @Test
    void mountingTakesNoAccessTimesAndNoProgram() {
        tools.mount(NODE, Path.of("/mnt"), spec(disk(Filesystem.EXT4).mountOptions("data=journal", "nodev")));
        assertThat(calls)
                .containsExactly(List.of(
                        NODE,
                        Path.of("/mnt"),
                        "ext4",
                        MountOptions.parse("noatime,data=journal,nodev").orElseThrow()));
        assertThat(commands).isEmpty();
    }

    @Test
    void theUsersOptionsComeLast() {
        DeviceSpec spec = spec(disk(Filesystem.EXT4).mountOptions("data=journal", "relatime"));
        assertThat(FilesystemTools.mountOptions(spec)).isEqualTo("rw,noatime,data=journal,relatime");
    }

    @Test
    void whatTheProgramActsOnIsMountedByIt() {
        tools.mount(
                NODE, Path.of("/mnt"), spec(disk(Filesystem.EXT4).mountOptions("data=journal", "X-mount.mode=1777")));
        assertThat(commands)
                .containsExactly(List.of(
                        "/sbin/mount",
                        "-t",
                        "ext4",
                        "-o",
                        "rw,noatime,data=journal,X-mount.mode=1777",
                        "/dev/dblock0",
                        "/mnt"));
        assertThat(calls).isEmpty();
    }

    @Test
    void aReadOnlyDeviceIsMountedReadOnly() {
        DeviceSpec spec = spec(disk(Filesystem.EXT4).image(Path.of("disk.img"), io.dblock.handler.ImageMode.READ_ONLY));
        assertThat(FilesystemTools.mountOptions(spec)).isEqualTo("ro,noatime");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "22  | EINVAL (Invalid argument): a bad option, a bad superblock, or no ext4 on it.",
                "5   | EIO (Input/output error): its superblock cannot be read.",
                "16  | EBUSY (Device or resource busy): it is mounted already, or the mount point is in use.",
                "19  | ENODEV (No such device): this kernel does not have the filesystem ext4.",
                "117 | error 117, structure needs cleaning: the filesystem is damaged.",
                "12  | ENOMEM (Cannot allocate memory).",
            })
    void aMountThatFailsIsToldWithAllThatItTook(int errno, String told) {
        error = errno;
        assertThatThrownBy(() -> tools.mount(
                        NODE, Path.of("/mnt"), spec(disk(Filesystem.EXT4).mountOptions("data=all"))))
                .isInstanceOf(DblockException.class)
                .hasMessage("Cannot mount /dev/dblock0 at /mnt: mount(2) of ext4 with the options rw,noatime,data=all"
                        + " failed: " + told + "\nThe kernel's log (dmesg) often says more.");
    }

    @Test
    void whoMayNotMountIsToldThatItTakesRoot() {
        error = 1;
        assertThatThrownBy(() -> tools.mount(NODE, Path.of("/mnt"), spec(disk(Filesystem.EXT4))))
                .hasMessageContaining("EPERM (Operation not permitted).")
                .hasMessageContaining("dmesg")
                .hasMessageEndingWith("Mounting needs root: run the build as root, or in a guest.");
    }

    @Test
    void aFailingProgramShowsItsOutputAndAsksForRoot() {
        result = new Command.Result(32, "mount: /mnt: must be superuser to use mount.\n", "");
        assertThatThrownBy(() -> tools.mount(
                        NODE, Path.of("/mnt"), spec(disk(Filesystem.EXT4).mountOptions("user"))))
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("must be superuser")
                .hasMessageContaining("dmesg")
                .hasMessageContaining("as root");
    }

    @Test
    void aMissingProgramIsNamedWithItsPackage() {
        FilesystemTools none = tools(name -> Optional.empty());
        assertThatThrownBy(() -> none.mount(
                        NODE, Path.of("/mnt"), spec(disk(Filesystem.EXT4).mountOptions("user"))))
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("rw,noatime,user take mount(8)")
                .hasMessageContaining("Install the package mount");
    }
}
