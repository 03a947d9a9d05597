// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.dblock.BlockDevice;
import io.dblock.handler.ImageMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BuilderTest {

    @Test
    void withoutTheExtension(@TempDir Path dir) throws Exception {
        Path image = Files.write(dir.resolve("disk.img"), new byte[32 << 20]);

        try (BlockDevice disk = BlockDevice.builder()
                .image(image, ImageMode.COPY_ON_WRITE) // the file stays as it is
                .filesystem(EXT4)
                .create()) {
            disk.format();
            Files.writeString(disk.mount().resolve("hello"), "world");
        } // unmounts and destroys; a LeakException names what still uses the device

        assertEquals(-1, Arrays.mismatch(Files.readAllBytes(image), new byte[32 << 20]));
    }
}
