// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class NamesTest {

    @Test
    void aNameIsDurableBeforeItsContent(@DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk)
            throws Exception {
        Path snapshot = disk.mount().resolve("snapshot");
        Files.writeString(snapshot, "all entries"); // nobody syncs it
        disk.syncNames(); // as ext4 does by itself every five seconds

        disk.powerCut();
        disk.restorePower();
        assertEquals("", Files.readString(snapshot)); // what a program has to expect of a file that it finds
    }
}
