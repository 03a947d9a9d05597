// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.life;

import static io.dblock.Filesystem.EXT4;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.LeakException;
import io.dblock.it.support.Commands;
import io.dblock.junit.DblockDevice;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;

/** The directory that a disk is mounted on takes no data while the disk is not mounted: nobody would notice. */
class MountPointIT {

    private static void assertTakesNothing(Path directory) {
        assertThatThrownBy(() -> Files.writeString(directory.resolve("x"), "x")).isInstanceOf(IOException.class);
        assertThatThrownBy(() -> Files.createDirectory(directory.resolve("d"))).isInstanceOf(IOException.class);
        assertThat(directory.resolve("x")).doesNotExist();
    }

    private static void assertNotInMountTable(String text) throws IOException {
        assertThat(Files.readString(Path.of("/proc/self/mountinfo"), UTF_8)).doesNotContain(text);
    }

    @Test
    void unmounted(@DblockDevice(size = "16MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        Path directory = disk.mount();
        Files.writeString(directory.resolve("kept"), "kept");
        disk.unmount();
        assertThatThrownBy(() -> Files.writeString(directory.resolve("x"), "x"))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("Read-only file system");
        assertTakesNothing(directory);

        assertThat(disk.mount()).isEqualTo(directory);
        assertThat(directory.resolve("kept")).hasContent("kept");
        Files.writeString(directory.resolve("x"), "x");
        disk.remount();
        assertThat(directory.resolve("x")).hasContent("x");
    }

    @Test
    void itIsTheDisksAsFarAsAnybodyCanTell(@DblockDevice(size = "16MiB", filesystem = EXT4) BlockDevice disk)
            throws Exception {
        FileStore store = Files.getFileStore(disk.mount());
        assertThat(store.name()).isEqualTo(disk.path().toString());
        assertThat(store.type()).isEqualTo("ext4");
        assertThat(store.isReadOnly()).isFalse();
        assertThat(store.getTotalSpace()).isBetween(8L << 20, 16L << 20);
    }

    @Test
    void unmountedByTheTestItself(@DblockDevice(size = "16MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        Path directory = disk.mount();
        Commands.run("umount", directory);
        assertTakesNothing(directory);
        disk.unmount();
        assertThat(disk.mountPoint()).isEmpty();
        assertTakesNothing(directory);
        assertThat(disk.mount()).isEqualTo(directory);
        Files.writeString(directory.resolve("x"), "x");
    }

    @Test
    void closed() throws Exception {
        BlockDevice disk = BlockDevice.builder().size("16MiB").filesystem(EXT4).create();
        Path directory = disk.mount();
        disk.close();
        assertTakesNothing(directory);
        assertThat(directory).doesNotExist();
        assertNotInMountTable(directory.toString());
    }

    @Test
    void detachedBecauseAFileIsOpen() throws Exception {
        BlockDevice disk = BlockDevice.builder().size("16MiB").filesystem(EXT4).create();
        Path directory = disk.mount();
        try (var open =
                Files.newByteChannel(directory.resolve("open"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            assertThatThrownBy(disk::close).isInstanceOf(LeakException.class);
            assertThat(open.isOpen()).isTrue();
            assertTakesNothing(directory);
            assertNotInMountTable(directory.toString());
        }
    }

    @Test
    void unplugged(@DblockDevice(size = "16MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        Path directory = disk.mount();
        disk.unplug();
        disk.unmount();
        assertTakesNothing(directory);
    }
}
