// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.handler.Errno.EIO;
import static io.dblock.handler.Operation.READ;
import static io.dblock.handler.Operation.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.dblock.BlockDevice;
import io.dblock.fault.Tear;
import io.dblock.junit.DblockDevice;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class BadSectorTest {

    @Test
    void badSectorsAndTornWrites(@DblockDevice(size = "16MiB") BlockDevice disk) throws Exception {
        disk.faults().on(READ).sectors(8, 15).fail(EIO); // these sectors, whatever else the request asks for
        disk.faults().on(WRITE).after(1).times(1).tear(Tear.prefix(1)); // the second write: its first block only

        try (FileChannel channel = disk.openChannel()) {
            channel.write(filledWith(1), 0);
            channel.write(filledWith(2), 0);

            assertEquals(2, byteAt(channel, 0));
            assertEquals(1, byteAt(channel, 512));
            assertThrows(IOException.class, () -> byteAt(channel, 8 * 512));
        }
    }

    private static ByteBuffer filledWith(int value) {
        byte[] bytes = new byte[4096];
        Arrays.fill(bytes, (byte) value);
        return ByteBuffer.wrap(bytes);
    }

    private static int byteAt(FileChannel channel, long offset) throws IOException {
        ByteBuffer block = ByteBuffer.allocate(512);
        channel.read(block, offset);
        return block.get(0);
    }
}
