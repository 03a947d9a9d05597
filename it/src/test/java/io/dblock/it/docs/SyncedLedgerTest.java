// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class SyncedLedgerTest {

    private static final String PROGRAM = "while true; do echo paid >> ledger; sync ledger; echo acknowledged; done";

    @Test
    void acknowledgedEntriesSurviveAPowerCut(@DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk)
            throws Exception {
        Path directory = disk.mount();
        KillAndCutExample.runAndKill(PROGRAM, directory);
        disk.powerCut();
        disk.restorePower();

        long entries = KillAndCutExample.entries(directory);
        assertTrue(entries >= 100, "100 entries were acknowledged, found: " + entries);
    }
}
