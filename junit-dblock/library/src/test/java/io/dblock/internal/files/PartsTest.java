// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.handler.Place;
import io.dblock.handler.Place.Kind;
import io.dblock.internal.kernel.FileExtents.XfsGeometry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The layout of filesystems; {@code FilesIT} compares it with what the kernel's filesystems really do. */
class PartsTest {
    private static final int BLOCK = 1024;

    private final byte[] disk = new byte[64 * BLOCK];
    private final ByteBuffer image = ByteBuffer.wrap(disk).order(ByteOrder.LITTLE_ENDIAN);

    /** A superblock of ext4 with blocks of 1 KiB, two groups of 32 blocks, and a journal in two extents. */
    private void makeExt4() {
        int superblock = 1024;
        image.putInt(superblock + 0x4, 64)
                .putInt(superblock + 0x14, 1)
                .putInt(superblock + 0x18, 0)
                .putInt(superblock + 0x20, 32)
                .putInt(superblock + 0x28, 16)
                .putShort(superblock + 0x38, (short) 0xEF53)
                .putShort(superblock + 0x58, (short) 256)
                .putInt(superblock + 0x60, 0x80)
                .putInt(superblock + 0x64, 1)
                .putShort(superblock + 0xCE, (short) 2)
                .putShort(superblock + 0xFE, (short) 64);
        int map = superblock + 0x10C;
        image.putShort(map, (short) 0xF30A).putShort(map + 2, (short) 2).putShort(map + 6, (short) 0);
        image.putInt(map + 12, 0).putShort(map + 16, (short) 4).putInt(map + 20, 40);
        image.putInt(map + 24, 4).putShort(map + 28, (short) 2).putInt(map + 32, 50);
        int descriptors = 2 * BLOCK;
        image.putInt(descriptors, 5).putInt(descriptors + 4, 6).putInt(descriptors + 8, 7);
        image.putInt(descriptors + 64, 12).putInt(descriptors + 68, 13).putInt(descriptors + 72, 14);
    }

    private List<Place> ext4() throws IOException {
        return new FileMap(
                        Ext4Parts.of((offset, length) -> Arrays.copyOfRange(disk, (int) offset, (int) offset + length)),
                        true)
                .places();
    }

    private static Place part(long block, long blocks, String name, long inside) {
        return new Place(block * BLOCK, blocks * BLOCK, Kind.FILESYSTEM, name, inside);
    }

    @Test
    void theLayoutOfExt4IsReadFromItsSuperblockAndGroupDescriptors() throws Exception {
        makeExt4();
        assertThat(ext4())
                .containsExactly(
                        part(0, 1, "ext4's boot block", 0),
                        part(1, 1, "ext4's superblock", 0),
                        part(2, 3, "ext4's group descriptors", 0),
                        part(5, 1, "ext4's block bitmap", 0),
                        part(6, 1, "ext4's inode bitmap", 0),
                        part(7, 4, "ext4's inode table", 0),
                        part(12, 1, "ext4's block bitmap", 0),
                        part(13, 1, "ext4's inode bitmap", 0),
                        part(14, 4, "ext4's inode table", 0),
                        part(33, 1, "ext4's backup of the superblock", 0),
                        part(34, 3, "ext4's group descriptors", 0),
                        part(40, 4, "ext4's journal", 0),
                        part(50, 2, "ext4's journal", 4 * BLOCK));
    }

    @Test
    void aDiskWithoutExt4HasNoLayoutOfIt() {
        assertThatThrownBy(this::ext4).isInstanceOf(IOException.class).hasMessageContaining("superblock of ext4");
    }

    @Test
    void theLayoutOfXfsFollowsFromItsShape() {
        // Blocks of 4 KiB, four groups of 19200 blocks, the log at block 5 of group 2, finobt and reflink.
        XfsParts parts =
                new XfsParts(new XfsGeometry(4096, 19200, 4, 100, 512, 512, (2L << 15) + 5, 1 << 13 | 1 << 20));
        long group = 19200L * 4096;
        assertThat(parts.fixed())
                .contains(
                        new Place(2 * group + 5 * 4096, 100 * 4096, Kind.FILESYSTEM, "XFS's log", 0),
                        new Place(0, 4096, Kind.FILESYSTEM, "XFS's superblock and group header", 0),
                        new Place(4096, 5 * 4096, Kind.FILESYSTEM, "XFS's indexes", 0),
                        new Place(3 * group, 4096, Kind.FILESYSTEM, "XFS's group header", 0))
                .hasSize(9);
        // Inode 131 of group 1 is the third of the second chunk of block 16 and following: 8 inodes to a block.
        long inode = (1L << (15 + 3)) + 131;
        assertThat(parts.inodes(inode))
                .isEqualTo(new Place(group + 16 * 4096, 64 * 512, Kind.FILESYSTEM, "XFS's inodes", 0));
    }
}
