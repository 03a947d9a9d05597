// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.handler;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.handler.ImageMode;
import io.dblock.it.support.Commands;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Devices made of an image file. */
class FileStoreIT {

    @TempDir
    Path dir;

    @Test
    void anImageInPlaceCopyOnWriteAndReadOnly() throws Exception {
        Path image = dir.resolve("image");
        Commands.run("truncate", "-s", "32M", image);
        Commands.run("mkfs.ext4", "-q", "-F", image);

        try (BlockDevice disk = open(image, ImageMode.IN_PLACE)) {
            Files.writeString(disk.mount().resolve("kept"), "in the image");
        }
        Commands.run("e2fsck", "-f", "-n", image);
        byte[] afterInPlace = Files.readAllBytes(image);

        try (BlockDevice disk = open(image, ImageMode.COPY_ON_WRITE)) {
            assertThat(disk.mount().resolve("kept")).hasContent("in the image");
            Files.writeString(disk.mount().resolve("lost"), "only in memory");
            assertThat(disk.remount().resolve("lost")).hasContent("only in memory");
        }
        assertThat(Files.readAllBytes(image))
                .as("the image after copy-on-write")
                .isEqualTo(afterInPlace);

        try (BlockDevice disk = open(image, ImageMode.READ_ONLY)) {
            assertThat(disk.mount().resolve("kept")).hasContent("in the image");
            assertThat(disk.mount().resolve("lost")).doesNotExist();
        }
        assertThat(Files.readAllBytes(image)).as("the image after read-only").isEqualTo(afterInPlace);
    }

    private static BlockDevice open(Path image, ImageMode mode) {
        return BlockDevice.builder()
                .image(image, mode)
                .filesystem(Filesystem.EXT4)
                .create();
    }
}
