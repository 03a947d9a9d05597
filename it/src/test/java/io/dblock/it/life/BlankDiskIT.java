// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.life;

import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.it.support.Commands;
import io.dblock.junit.DblockDevice;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** A disk that is known to be blank is not searched for partitions when it appears, and has those that come later. */
class BlankDiskIT {
    private static final int FIRST = 2048;

    /** udev, where it runs, looks at every disk. */
    @Test
    void nobodyReadsFromIt(@DblockDevice(size = "16MiB") BlockDevice disk) {
        if (!Files.exists(Path.of("/run/udev/control"))) {
            assertThat(disk.journal().requests()).isEmpty();
        }
    }

    @Test
    void aPartitionTableThatIsWrittenIsFound(@DblockDevice(size = "16MiB") BlockDevice disk) throws Exception {
        writeTable(disk);
        Commands.run("blockdev", "--rereadpt", disk.path());
        assertThat(partition(disk.name())).exists();
    }

    @Test
    void aForkIsSearchedForPartitions(@DblockDevice(size = "16MiB") BlockDevice disk) throws Exception {
        writeTable(disk);
        try (BlockDevice fork = disk.fork()) {
            assertThat(partition(fork.name())).exists();
        }
    }

    private static Path partition(String disk) {
        return Path.of("/sys/class/block", disk, disk + "p1");
    }

    /** Writes a partition table of the old kind with one partition. */
    private static void writeTable(BlockDevice disk) throws Exception {
        ByteBuffer table = ByteBuffer.allocate(512).order(ByteOrder.LITTLE_ENDIAN);
        table.put(446 + 4, (byte) 0x83);
        table.putInt(446 + 8, FIRST);
        table.putInt(446 + 12, (int) (disk.size() / 512) - FIRST);
        table.putShort(510, (short) 0xaa55);
        try (FileChannel node = FileChannel.open(disk.path(), WRITE)) {
            node.write(table, 0);
            node.force(true);
        }
    }
}
