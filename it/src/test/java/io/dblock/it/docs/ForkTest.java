// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.dblock.BlockDevice;
import io.dblock.Snapshot;
import io.dblock.handler.ImageMode;
import io.dblock.junit.DblockDevice;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ForkTest {

    @TempDir
    Path dir;

    @Test
    void aForkIsADeviceOfItsOwn(@DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        Path file = disk.mount().resolve("file");
        Files.writeString(file, "before");
        disk.dropCaches(); // have the kernel write it to the device

        try (BlockDevice fork = disk.fork(); // at once, by copy-on-write
                Snapshot snapshot = disk.snapshot()) {
            Files.writeString(file, "after");
            assertEquals("before", Files.readString(fork.mount().resolve("file"))); // both are mounted

            snapshot.save(dir.resolve("disk.img")); // a sparse file
        }
        try (BlockDevice loaded = BlockDevice.builder()
                .image(dir.resolve("disk.img"), ImageMode.COPY_ON_WRITE)
                .filesystem(EXT4)
                .create()) {
            assertEquals("before", Files.readString(loaded.mount().resolve("file")));
        }
    }
}
