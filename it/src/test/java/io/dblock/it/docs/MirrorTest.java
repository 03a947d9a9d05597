// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.dblock.handler.BlockHandler;
import io.dblock.handler.WriteFlags;
import io.dblock.junit.DblockDevice;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import org.junit.jupiter.api.Test;

class MirrorTest {

    private static final int SIZE = 16 << 20;

    static class Mirror implements BlockHandler {
        private final ByteBuffer left = ByteBuffer.allocateDirect(SIZE);
        private final ByteBuffer right = ByteBuffer.allocateDirect(SIZE);
        private boolean flushed;

        @Override
        public void read(long offset, ByteBuffer dst) {
            dst.put(left.duplicate().position((int) offset).limit((int) offset + dst.remaining()));
        }

        @Override
        public void write(long offset, ByteBuffer src, WriteFlags flags) {
            left.duplicate().position((int) offset).put(src.duplicate());
            right.duplicate().position((int) offset).put(src);
        }

        @Override
        public void flush() {
            flushed = true;
        }

        @Override
        public void close() {
            assertTrue(flushed && left.equals(right));
        }
    }

    @Test
    void bothHalvesAreTheSame(@DblockDevice(size = "16MiB", handler = Mirror.class) FileChannel disk) throws Exception {
        byte[] written = "paid".repeat(1024).getBytes(UTF_8);
        disk.write(ByteBuffer.wrap(written), 4096);
        disk.force(true);

        ByteBuffer read = ByteBuffer.allocate(4096);
        disk.read(read, 4096);
        assertArrayEquals(written, read.array());
    }
}
