// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static com.sun.nio.file.ExtendedOpenOption.DIRECT;
import static io.dblock.Filesystem.EXT4;
import static io.dblock.assertj.DblockAssertions.assertThat;
import static java.nio.file.StandardOpenOption.WRITE;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class DirectCommitTest {

    @DblockDevice(size = "64MiB", filesystem = EXT4)
    BlockDevice disk;

    @Test
    void aCommitIsDurable() throws Exception {
        Path ledger = Files.write(disk.mount().resolve("ledger"), new byte[1 << 16]);
        disk.remount(); // the file is on the device, and nothing of it is cached

        disk.journal().mark("commit");
        try (FileChannel channel = FileChannel.open(ledger, WRITE, DIRECT)) {
            ByteBuffer block = ByteBuffer.allocateDirect(8192).alignedSlice(4096);
            for (int i = 0; i < 8; i++) {
                channel.write(block.position(0).limit(4096), i * 4096L);
            }
            channel.force(false);
        }

        assertThat(disk).since("commit").wrote().thenFlushed();
    }
}
