// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.assertj.DblockAssertions.assertThat;
import static io.dblock.handler.Errno.EIO;
import static io.dblock.handler.Operation.WRITE;
import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class WalFileTest {

    @Test
    void theLogIsSyncedAndSurvivesABadTable(@DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk)
            throws Exception {
        Path root = disk.mount();

        disk.journal().mark("commit");
        append(root.resolve("wal.log"));
        assertThat(disk).since("commit").file("wal.log").wrote(0, 4096).thenFlushed();

        disk.faults().on(WRITE).file("table-*").fail(EIO);
        append(root.resolve("wal.log")); // another file, which the rule leaves alone
        assertThrows(IOException.class, () -> append(root.resolve("table-1")));
    }

    private static void append(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, CREATE, APPEND)) {
            channel.write(ByteBuffer.allocate(4096));
            channel.force(true);
        }
    }
}
