// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.raw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.CacheMode;
import io.dblock.it.support.AlignedBuffers;
import io.dblock.junit.DblockDevice;
import io.dblock.junit.TriState;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Direct I/O to the node, block by block, against a model in memory. */
class DirectIoIT {

    private static final int SIZE = 8 << 20;
    private static final int ROUNDS = 600;

    @Test
    void blocksOf512BytesReadAsWritten(@DblockDevice(size = "8MiB") BlockDevice disk) throws Exception {
        readsAsWritten(disk, 512);
    }

    @Test
    void blocksOf4096BytesReadAsWritten(@DblockDevice(size = "8MiB", logicalBlockSize = 4096) BlockDevice disk)
            throws Exception {
        readsAsWritten(disk, 4096);
    }

    @Test
    void anInjectedChannelIsDirectAndWritable(@DblockDevice(size = "8MiB") FileChannel channel) throws Exception {
        ByteBuffer block = AlignedBuffers.allocate(512);
        block.put(0, (byte) 42);
        assertThat(channel.write(block, 0)).isEqualTo(512);
        ByteBuffer back = AlignedBuffers.allocate(512);
        assertThat(channel.read(back, 0)).isEqualTo(512);
        assertThat(back.get(0)).isEqualTo((byte) 42);
        assertThat(channel.size()).isEqualTo(SIZE);
    }

    @Test
    void lessThanABlockIsRefused(@DblockDevice(size = "8MiB", logicalBlockSize = 4096) BlockDevice disk)
            throws Exception {
        try (FileChannel channel = disk.openChannel()) {
            assertThatThrownBy(() -> channel.write(AlignedBuffers.allocate(512), 0))
                    .isInstanceOf(IOException.class);
        }
    }

    @Test
    void aReadOnlyDeviceRefusesWrites(@DblockDevice(size = "8MiB", readOnly = TriState.TRUE) BlockDevice disk)
            throws Exception {
        try (FileChannel channel = disk.openChannel()) {
            assertThat(channel.read(AlignedBuffers.allocate(512), 0)).isEqualTo(512);
        }
        // A read-only device can be opened for writing; it is the write that is refused.
        try (FileChannel channel = FileChannel.open(disk.path(), StandardOpenOption.WRITE)) {
            assertThatThrownBy(() -> channel.write(AlignedBuffers.allocate(4096), 0))
                    .isInstanceOf(IOException.class);
        }
        assertThat(disk.statistics().writes()).isZero();
    }

    @Test
    void aFlushArrivesOnlyWhereThereIsAWriteCache(
            @DblockDevice(size = "8MiB") BlockDevice cached,
            @DblockDevice(size = "8MiB", cache = CacheMode.NONE) BlockDevice uncached)
            throws Exception {
        for (BlockDevice disk : new BlockDevice[] {cached, uncached}) {
            try (FileChannel channel = disk.openChannel()) {
                channel.write(AlignedBuffers.allocate(4096), 0);
                channel.force(false);
            }
        }
        assertThat(cached.statistics().flushes()).isPositive();
        assertThat(uncached.statistics().flushes()).isZero();
    }

    private static void readsAsWritten(BlockDevice disk, int block) throws IOException {
        assertThat(disk.size()).isEqualTo(SIZE);
        assertThat(disk.logicalBlockSize()).isEqualTo(block);
        long seed = 20261122L + block;
        Random random = new Random(seed);
        byte[] model = new byte[SIZE];
        ByteBuffer buffer = AlignedBuffers.allocate(1 << 20);
        try (FileChannel channel = disk.openChannel()) {
            for (int round = 0; round < ROUNDS; round++) {
                int length = block * (1 + random.nextInt(random.nextInt(20) == 0 ? (1 << 20) / block : 16));
                int offset = block * random.nextInt((SIZE - length) / block + 1);
                buffer.clear().limit(length);
                if (random.nextBoolean()) {
                    byte[] data = new byte[length];
                    random.nextBytes(data);
                    buffer.put(data).flip();
                    assertThat(channel.write(buffer, offset)).isEqualTo(length);
                    System.arraycopy(data, 0, model, offset, length);
                } else {
                    assertThat(channel.read(buffer, offset)).isEqualTo(length);
                    byte[] data = new byte[length];
                    buffer.flip().get(data);
                    assertThat(data)
                            .as("seed %d, round %d, %d bytes at %d", seed, round, length, offset)
                            .isEqualTo(Arrays.copyOfRange(model, offset, offset + length));
                }
            }
        }
    }
}
