// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class FullFilesystemTest {

    @Test
    void theSameWriteSucceedsWhenThereIsSpaceAgain(@DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk)
            throws Exception {
        Path log = disk.mount().resolve("log");

        disk.fill(0); // leaves nothing; fill("1MiB") leaves that much
        assertEquals(0, Files.getFileStore(disk.mount()).getUsableSpace());
        assertThrows(IOException.class, () -> append(log)); // No space left on device

        disk.free();
        append(log);
    }

    @Test
    void thereAreNoInodes(
            @DblockDevice(
                            size = "64MiB",
                            filesystem = EXT4,
                            mkfsOptions = {"-N", "1024"})
                    BlockDevice disk)
            throws Exception {
        Path log = Files.createFile(disk.mount().resolve("log"));

        disk.fillInodes();
        assertThrows(IOException.class, () -> append(log.resolveSibling("other")));
        append(log); // a file that is there can be written
    }

    private static void append(Path file) throws IOException {
        Files.write(file, new byte[4096], CREATE, APPEND);
    }
}
