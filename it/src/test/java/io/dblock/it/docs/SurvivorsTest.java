// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import org.junit.jupiter.api.Test;

class SurvivorsTest {

    @Test
    void anUnflushedWriteMayOrMayNotSurvive(@DblockDevice(size = "16MiB") BlockDevice disk) throws Exception {
        try (FileChannel channel = disk.openChannel()) {
            for (int i = 0; i < 8; i++) {
                channel.write(ByteBuffer.allocate(4096), i * 4096L);
            }
            assertEquals(8, disk.unflushed().size()); // what a cut would lose now

            // each write survives or not, and is torn at logical blocks if it does; another seed, another outcome
            CutReport report = disk.powerCut(Survivors.random(42).torn());
            assertEquals(
                    8,
                    report.kept().size() + report.torn().size() + report.lost().size());
        }
        disk.restorePower();
        assertTrue(disk.unflushed().isEmpty());
    }
}
