// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.scale;

import static io.dblock.Filesystem.EXT4;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;

/** One of a thousand tests, which {@link ThousandTestsIT} runs. */
class TestWithADisk {
    /** How many there are of it. */
    static final int TESTS = 16;

    @DblockDevice(size = "32MiB", filesystem = EXT4)
    BlockDevice disk;

    @RepeatedTest(TESTS)
    void writesToItsDisk(RepetitionInfo repetition) throws Exception {
        Path file = disk.mount().resolve("file");
        byte[] data = new byte[100_000];
        data[7] = (byte) repetition.getCurrentRepetition();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(data));
            channel.force(true);
        }
        assertThat(Files.readAllBytes(file)).isEqualTo(data);
        assertThat(disk.statistics().flushes()).isPositive();
    }
}
