// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.handler;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.handler.ImageMode;
import io.dblock.internal.kernel.NativeFile;
import io.dblock.it.support.AlignedBuffers;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Images on a filesystem with blocks of 1 KiB: it knows holes that are smaller than the 4 KiB blocks of the disk. */
@Timeout(600)
class FineHolesIT {
    private static final int GRAIN = 1024;
    private static final int BLOCK = 4096;
    private static final int BLOCKS = 64;
    private static final int SIZE = BLOCKS * BLOCK;
    private static final int ROUNDS = 8;

    private final Random random = new Random(1024);

    @ParameterizedTest
    @CsvSource({
        "EXT4, 64MiB, IN_PLACE",
        "EXT4, 64MiB, COPY_ON_WRITE",
        "XFS, 320MiB, IN_PLACE",
        "XFS, 320MiB, COPY_ON_WRITE"
    })
    void whatAPowerCutTakesBackIsWhatWasThere(Filesystem filesystem, String size, ImageMode mode) throws Exception {
        String[] smallBlocks = {"-b", filesystem == Filesystem.XFS ? "size=1k" : "1024"};
        try (BlockDevice outer = BlockDevice.builder()
                .size(size)
                .filesystem(filesystem)
                .mkfsOptions(smallBlocks)
                .create()) {
            Path image = outer.mount().resolve("image");
            byte[] durable = makeSparse(image);
            assertThat(Files.readAllBytes(image)).isEqualTo(durable);
            byte[] original = durable.clone();
            try (BlockDevice disk = BlockDevice.builder()
                            .image(image, mode)
                            .logicalBlockSize(BLOCK)
                            .create();
                    FileChannel channel = disk.openChannel()) {
                overwriteAll(channel);
                assertThat(disk.powerCut().writes()).as("what the cut has lost").isNotEmpty();
                disk.restorePower();
                assertThat(content(channel)).as("after all was overwritten").isEqualTo(durable);
                for (int round = 0; round < ROUNDS; round++) {
                    byte[] now = durable.clone();
                    for (int i = 0; i < 8; i++) {
                        overwrite(channel, now);
                    }
                    if (round % 2 == 0) {
                        channel.force(true);
                        durable = now.clone();
                        overwrite(channel, now);
                    }
                    disk.powerCut();
                    disk.restorePower();
                    assertThat(content(channel)).as("round %s", round).isEqualTo(durable);
                }
            }
            assertThat(Files.readAllBytes(image))
                    .as("the image")
                    .isEqualTo(mode == ImageMode.IN_PLACE ? durable : original);
        }
    }

    /** Each block of 4 KiB has another pattern of data and holes of 1 KiB. */
    private static byte[] makeSparse(Path image) throws IOException {
        byte[] content = new byte[SIZE];
        try (FileChannel channel = FileChannel.open(image, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(1), SIZE - 1);
            for (int i = 0; i < SIZE / GRAIN; i++) {
                int pattern = i / 4;
                if ((pattern >> i % 4 & 1) != 0) {
                    Arrays.fill(content, i * GRAIN, (i + 1) * GRAIN, (byte) (i | 1));
                    channel.write(ByteBuffer.wrap(content, i * GRAIN, GRAIN), (long) i * GRAIN);
                }
            }
            channel.force(true);
        }
        try (NativeFile file = NativeFile.openReadOnly(image)) {
            // Pattern 5: data, hole, data, hole.
            long block = 5 * BLOCK;
            assertThat(file.findHole(block, SIZE)).as("a hole within a block").isEqualTo(block + GRAIN);
            assertThat(file.findData(block + GRAIN, SIZE)).isEqualTo(block + 2 * GRAIN);
            // Pattern 2: hole, data, hole, hole.
            assertThat(file.findData(2 * BLOCK, SIZE)).as("data behind a hole").isEqualTo(2 * BLOCK + GRAIN);
        }
        return content;
    }

    private static void overwriteAll(FileChannel channel) throws IOException {
        for (int block = 0; block < BLOCKS; block++) {
            write(channel, block, filled(BLOCK, 0xee));
        }
    }

    private void overwrite(FileChannel channel, byte[] now) throws IOException {
        int first = random.nextInt(BLOCKS);
        int count = 1 + random.nextInt(Math.min(16, BLOCKS - first));
        byte[] data = filled(count * BLOCK, random.nextInt(1, 256));
        System.arraycopy(data, 0, now, first * BLOCK, data.length);
        write(channel, first, data);
    }

    private static byte[] filled(int length, int value) {
        byte[] data = new byte[length];
        Arrays.fill(data, (byte) value);
        return data;
    }

    private static void write(FileChannel channel, int block, byte[] data) throws IOException {
        ByteBuffer buffer = AlignedBuffers.allocate(data.length).put(data).flip();
        assertThat(channel.write(buffer, (long) block * BLOCK)).isEqualTo(data.length);
    }

    private static byte[] content(FileChannel channel) throws IOException {
        ByteBuffer buffer = AlignedBuffers.allocate(SIZE);
        while (buffer.hasRemaining()) {
            assertThat(channel.read(buffer, buffer.position())).isPositive();
        }
        byte[] data = new byte[SIZE];
        buffer.get(0, data);
        return data;
    }
}
