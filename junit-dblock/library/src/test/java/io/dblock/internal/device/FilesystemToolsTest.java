// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.DblockException;
import io.dblock.DeviceSpec;
import io.dblock.Filesystem;
import io.dblock.internal.kernel.Command;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class FilesystemToolsTest {
    private static final Path NODE = Path.of("/dev/dblock0");

    private final List<List<String>> commands = new ArrayList<>();
    private Command.Result result = new Command.Result(0, "", "");
    private final FilesystemTools tools = new FilesystemTools(name -> Optional.of(Path.of("/sbin", name)), command -> {
        commands.add(command);
        return result;
    });

    private static BlockDevice.Builder disk(Filesystem filesystem) {
        return BlockDevice.builder().size("512MiB").filesystem(filesystem);
    }

    private static DeviceSpec spec(BlockDevice.Builder builder) {
        return ((DeviceBuilder) builder).spec();
    }

    @Test
    void ext4IsMadeWithoutLazyInitialisation() {
        tools.format(NODE, spec(disk(Filesystem.EXT4)));
        assertThat(commands)
                .containsExactly(List.of(
                        "/sbin/mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", "/dev/dblock0"));
    }

    @Test
    void theUsersExtendedOptionsDoNotReplaceOurs() {
        assertThat(FilesystemTools.makerOptions(
                        Filesystem.EXT4, List.of("-E", "stride=4", "-b", "4096", "-Enodiscard")))
                .containsExactly(
                        "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0,stride=4,nodiscard", "-b", "4096");
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
        FilesystemTools none = new FilesystemTools(name -> Optional.empty(), command -> result);
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
    void mountingTakesNoAccessTimesAndTheUsersOptionsLast() {
        tools.mount(NODE, Path.of("/mnt"), spec(disk(Filesystem.EXT4).mountOptions("data=journal", "relatime")));
        assertThat(commands)
                .containsExactly(List.of(
                        "/sbin/mount", "-t", "ext4", "-o", "rw,noatime,data=journal,relatime", "/dev/dblock0", "/mnt"));
    }

    @Test
    void aReadOnlyDeviceIsMountedReadOnly() {
        DeviceSpec spec = spec(disk(Filesystem.EXT4).image(Path.of("disk.img"), io.dblock.handler.ImageMode.READ_ONLY));
        assertThat(FilesystemTools.mountOptions(spec)).isEqualTo("ro,noatime");
    }

    @Test
    void aFailingMountShowsItsOutputAndAsksForRoot() {
        result = new Command.Result(32, "mount: /mnt: must be superuser to use mount.\n", "");
        assertThatThrownBy(() -> tools.mount(NODE, Path.of("/mnt"), spec(disk(Filesystem.EXT4))))
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("must be superuser")
                .hasMessageContaining("dmesg")
                .hasMessageContaining("as root");
    }

    @Test
    void aMissingMountIsNamedWithItsPackage() {
        FilesystemTools none = new FilesystemTools(name -> Optional.empty(), command -> result);
        assertThatThrownBy(() -> none.mount(NODE, Path.of("/mnt"), spec(disk(Filesystem.EXT4))))
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("Install the package mount");
    }
}
