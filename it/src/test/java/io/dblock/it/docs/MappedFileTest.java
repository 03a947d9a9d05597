// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static java.nio.file.StandardOpenOption.READ;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class MappedFileTest {

    @Test
    void aMappedFileIsNoProblem(@DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        Path file = Files.write(disk.mount().resolve("mapped"), new byte[1 << 20]);
        disk.remount(); // nothing of it is cached: each page is read from the device when it is touched
        try (FileChannel channel = FileChannel.open(file, READ)) {
            MappedByteBuffer mapped = channel.map(MapMode.READ_ONLY, 0, channel.size());
            mapped.load();
            assertEquals(0, mapped.get(1 << 19));
        }
    }
}
