// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.handler.Operation.WRITE;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.junit.DblockExtension;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class FullDiskTest {

    @RegisterExtension
    DblockExtension full = DblockExtension.builder()
            .size("16MiB")
            .requestHandler(() -> request -> {
                if (request.operation() == WRITE) {
                    throw new BlockIOException(Errno.ENOSPC, "this device is full");
                }
                request.complete(); // a read is zeros unless the handler fills request.data()
            })
            .build();

    @Test
    void aFullDeviceIsReported() throws Exception {
        try (FileChannel channel = full.device().openChannel()) {
            ByteBuffer block = ByteBuffer.allocate(4096);
            IOException e = assertThrows(IOException.class, () -> channel.write(block, 0));
            assertTrue(e.getMessage().contains("No space left"));
        }
    }
}
