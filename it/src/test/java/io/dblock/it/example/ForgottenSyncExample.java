// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.example;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.assertj.DblockAssertions.assertThat;
import static io.dblock.handler.Errno.EIO;
import static io.dblock.handler.Operation.READ;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.WRITE;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/**
 * A test that fails, to see how: its log is written directly to the disk and never synced. Run by {@link FailingExampleIT}.
 */
class ForgottenSyncExample {

    @DblockDevice(size = "64MiB", filesystem = EXT4, seed = 42)
    BlockDevice disk;

    @Test
    void aCommitIsDurable() throws Exception {
        Path log = disk.mount().resolve("log");
        preallocate(log);
        disk.faults()
                .on(READ)
                .sectors(4096, 4103)
                .named("bad sectors")
                .lenient()
                .fail(EIO);

        disk.journal().mark("commit");
        try (FileChannel channel = FileChannel.open(log, WRITE, com.sun.nio.file.ExtendedOpenOption.DIRECT)) {
            ByteBuffer record =
                    ByteBuffer.allocateDirect(8192).alignedSlice(4096).limit(4096);
            for (int i = 0; i < 8; i++) {
                channel.write(record.clear().limit(4096), i * 4096L);
            }
            // channel.force(false) is missing
        }

        assertThat(disk).since("commit").wrote().thenFlushed();
    }

    private static void preallocate(Path log) throws Exception {
        try (FileChannel channel = FileChannel.open(log, CREATE, WRITE)) {
            channel.write(ByteBuffer.allocate(64 * 1024));
            channel.force(true);
        }
    }
}
