// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.life;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.Filesystem.XFS;
import static io.dblock.handler.Operation.WRITE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardOpenOption.READ;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.fault.Fault;
import io.dblock.handler.Errno;
import io.dblock.handler.RequestFlag;
import io.dblock.it.support.Commands;
import io.dblock.junit.DblockDevice;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Data that could not be written are dropped from the caches as any other, and whoever drops them is told. */
class DropCachesIT {

    private static void assertLossIsTold(BlockDevice disk, String call) {
        assertThat(disk.incidents())
                .singleElement()
                .asString()
                .startsWith(call + " found that writing cached data to " + disk.name() + " had failed: EIO");
    }

    private static void losesAFile(BlockDevice disk) throws Exception {
        Path file = disk.mount().resolve("f");
        disk.dropCaches();
        Files.writeString(file, "hello");
        try (Fault bad = disk.faults()
                .on(WRITE)
                .matching(write -> !write.has(RequestFlag.META))
                .times(1)
                .fail(Errno.EIO)) {
            Commands.run("sync");
            assertThat(bad.hits()).isEqualTo(1);
        }
        disk.dropCaches();
        assertThat(Files.readString(file)).isNotEqualTo("hello");
        assertLossIsTold(disk, "dropCaches()");
        disk.dropCaches();
        assertThat(disk.incidents()).hasSize(1);
    }

    @Test
    void aLostWriteOfExt4(@DblockDevice(size = "16MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        losesAFile(disk);
    }

    @Test
    void aLostWriteOfXfs(@DblockDevice(size = "320MiB", filesystem = XFS) BlockDevice disk) throws Exception {
        losesAFile(disk);
    }

    private static void writeBuffered(BlockDevice disk, String text) throws Exception {
        try (FileChannel node = FileChannel.open(disk.path(), READ, java.nio.file.StandardOpenOption.WRITE)) {
            node.write(ByteBuffer.wrap(text.getBytes(UTF_8)), 0);
        }
    }

    private static String readBuffered(BlockDevice disk, int length) throws Exception {
        try (FileChannel node = FileChannel.open(disk.path(), READ)) {
            ByteBuffer bytes = ByteBuffer.allocate(length);
            node.read(bytes, 0);
            return new String(bytes.array(), UTF_8);
        }
    }

    /** The rule is still there when the caches are dropped: the write fails then, and once only. */
    @Test
    void aWriteOfTheNodeThatIsLostWhenTheCachesAreDropped(@DblockDevice(size = "16MiB") BlockDevice disk)
            throws Exception {
        try (FileChannel keptOpen = FileChannel.open(disk.path(), READ)) {
            assertThat(keptOpen.isOpen()).isTrue();
            writeBuffered(disk, "hello");
            Fault bad = disk.faults().on(WRITE).fail(Errno.EIO);
            disk.dropCaches();
            assertThat(bad.hits()).isPositive();
            bad.close();
            assertThat(readBuffered(disk, 5)).isEqualTo("\0\0\0\0\0");
        }
        assertLossIsTold(disk, "dropCaches()");
    }
}
