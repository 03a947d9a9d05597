// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.fault;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.handler.Operation.FLUSH;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.fault.Fault;
import io.dblock.junit.DblockDevice;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** A rule that cuts the power, and what comes after it. */
class PowerCutRuleIT {
    private static final int MAX_SYNCS = 100;

    @DblockDevice(size = "16MiB", filesystem = EXT4)
    BlockDevice disk;

    /** The mount flushes, too: a rule that cut again would keep the power from ever being restored. */
    @Test
    void thePowerThatARuleHasCutCanBeRestored() throws Exception {
        Path file = disk.mount().resolve("file");
        Fault cut = disk.faults().on(FLUSH).after(2).powerCut(Survivors.NONE);

        for (int i = 0; i < MAX_SYNCS && disk.powered(); i++) {
            try (FileChannel channel = FileChannel.open(file, CREATE, WRITE)) {
                channel.write(ByteBuffer.allocate(100));
                channel.force(true);
            } catch (IOException theCut) {
                assertThat(disk.powered()).as("power, after " + theCut).isFalse();
            }
        }
        assertThat(cut.hits()).isEqualTo(1);
        disk.restorePower();

        try (FileChannel channel = FileChannel.open(file, CREATE, WRITE)) {
            channel.write(ByteBuffer.allocate(100));
            channel.force(true);
        }
        assertThat(disk.powered()).isTrue();
        assertThat(cut.hits()).isEqualTo(1);
    }
}
