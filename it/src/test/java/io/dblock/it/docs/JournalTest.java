// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.assertj.DblockAssertions.assertThat;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.WRITE;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class JournalTest {

    @Test
    void aCommitIsWrittenAndThenFlushed(@DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk)
            throws Exception {
        Path log = disk.mount().resolve("log");

        disk.journal().mark("commit");
        commit(log);

        assertThat(disk).since("commit").wrote().thenFlushed().leavesNothingUnflushed();
        assertThat(disk).since("commit").hasWriteAmplificationBelow(40, 4096); // ext4's journal included
        assertThat(disk).since("commit").neverWrote(0, 1024); // the boot block
    }

    private static void commit(Path log) throws Exception {
        try (FileChannel channel = FileChannel.open(log, CREATE, WRITE)) {
            channel.write(ByteBuffer.allocate(4096));
            channel.force(true);
        }
    }
}
