// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.readme;

// README:first
import static io.dblock.Filesystem.EXT4;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class LedgerTest {

    @DblockDevice(size = "64MiB", filesystem = EXT4) // instance field: a fresh disk per test
    BlockDevice disk;

    @Test
    void whatWasWrittenIsOnTheDisk() throws Exception {
        Path ledger = disk.mount().resolve("ledger");
        Files.writeString(ledger, "paid");

        disk.remount(); // unmounts, drops the caches, mounts: what is read now comes from the device

        assertEquals("paid", Files.readString(ledger));
    }
}
// README:end
