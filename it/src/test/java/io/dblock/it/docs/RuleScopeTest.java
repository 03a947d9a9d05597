// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.handler.Errno.EIO;
import static io.dblock.handler.Operation.FLUSH;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.dblock.BlockDevice;
import io.dblock.fault.Fault;
import io.dblock.junit.DblockDevice;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import org.junit.jupiter.api.Test;

class RuleScopeTest {

    @Test
    void aRuleEndsWithItsScope(@DblockDevice(size = "16MiB") BlockDevice disk) throws Exception {
        try (FileChannel channel = disk.openChannel()) {
            channel.write(ByteBuffer.allocate(512), 0);
            try (Fault broken = disk.faults().on(FLUSH).named("broken flush").fail(EIO)) {
                assertThrows(IOException.class, () -> channel.force(true));
                assertEquals(1, broken.hits());
            }
            channel.force(true);
        }
    }
}
