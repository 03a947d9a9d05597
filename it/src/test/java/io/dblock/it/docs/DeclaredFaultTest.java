// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.handler.Errno.ENOSPC;
import static io.dblock.handler.Operation.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.dblock.junit.DblockDevice;
import io.dblock.junit.DblockFault;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import org.junit.jupiter.api.Test;

class DeclaredFaultTest {

    @Test
    void aFullDeviceIsReported(
            @DblockDevice(size = "16MiB") @DblockFault(on = WRITE, sectors = "8-15", errno = ENOSPC) FileChannel disk)
            throws Exception {
        assertThrows(IOException.class, () -> disk.write(ByteBuffer.allocate(4096), 8 * 512));
        assertEquals(4096, disk.write(ByteBuffer.allocate(4096), 16 * 512));
    }
}
