// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.files;

import io.dblock.handler.Place;
import io.dblock.handler.Place.Kind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * Where ext4 has its own parts, read from its superblock and group descriptors, which it keeps in memory while it is
 * mounted.
 *
 * @see <a href="https://docs.kernel.org/filesystems/ext4/globals.html">The layout of ext4</a>
 */
final class Ext4Parts {
    private static final int SUPERBLOCK = 1024;
    private static final int MAGIC = 0xEF53;
    private static final int COMPAT_SPARSE_SUPER2 = 0x200;
    private static final int INCOMPAT_META_BG = 0x10;
    private static final int INCOMPAT_64BIT = 0x80;
    private static final int RO_COMPAT_SPARSE_SUPER = 0x1;
    private static final int RO_COMPAT_BIGALLOC = 0x200;
    private static final int EXTENTS_MAGIC = 0xF30A;
    /** The block map of the journal's inode, which the superblock has a copy of. */
    private static final int JOURNAL_BLOCKS = 0x10C;

    private static final int MOST_GROUPS = 1 << 16;

    /** Reads bytes of the device. */
    interface Reader {
        byte[] read(long offset, int length) throws IOException;
    }

    private final ByteBuffer superblock;
    private final Reader reader;
    private final int block;
    private final List<Place> parts = new ArrayList<>();

    private Ext4Parts(Reader reader) throws IOException {
        this.reader = reader;
        superblock = buffer(reader.read(SUPERBLOCK, 1024));
        if (superblock.capacity() < 1024 || u16(0x38) != MAGIC) {
            throw new IOException("There is no superblock of ext4.");
        }
        block = 1024 << u32(0x18);
    }

    /** Returns the parts of the filesystem that this reader reads. */
    static List<Place> of(Reader reader) throws IOException {
        Ext4Parts parts = new Ext4Parts(reader);
        parts.journal();
        parts.groups();
        return parts.parts;
    }

    private static ByteBuffer buffer(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private int u16(int at) {
        return Short.toUnsignedInt(superblock.getShort(at));
    }

    private long u32(int at) {
        return Integer.toUnsignedLong(superblock.getInt(at));
    }

    private void add(long firstBlock, long blocks, String name) {
        add(firstBlock, blocks, name, 0);
    }

    private void add(long firstBlock, long blocks, String name, long inside) {
        if (blocks > 0) {
            parts.add(new Place(firstBlock * block, blocks * block, Kind.FILESYSTEM, name, inside));
        }
    }

    /** The journal is an inode without a name. */
    private void journal() throws IOException {
        byte[] map = new byte[60];
        superblock.get(JOURNAL_BLOCKS, map);
        extents(buffer(map));
    }

    private void extents(ByteBuffer node) throws IOException {
        if (Short.toUnsignedInt(node.getShort(0)) != EXTENTS_MAGIC) {
            return;
        }
        int count = node.getShort(2);
        boolean leaf = node.getShort(6) == 0;
        for (int i = 0; i < count; i++) {
            int at = 12 + i * 12;
            if (leaf) {
                long first =
                        Short.toUnsignedLong(node.getShort(at + 6)) << 32 | Integer.toUnsignedLong(node.getInt(at + 8));
                long inside = Integer.toUnsignedLong(node.getInt(at)) * block;
                add(first, Short.toUnsignedInt(node.getShort(at + 4)), "ext4's journal", inside);
            } else {
                long child =
                        Short.toUnsignedLong(node.getShort(at + 8)) << 32 | Integer.toUnsignedLong(node.getInt(at + 4));
                extents(buffer(reader.read(child * block, block)));
            }
        }
    }

    private void groups() throws IOException {
        long incompatible = u32(0x60);
        long first = u32(0x14);
        add(0, first, "ext4's boot block"); // Unused; larger blocks have it and the superblock in one.
        if ((incompatible & INCOMPAT_META_BG) != 0 || (u32(0x64) & RO_COMPAT_BIGALLOC) != 0) {
            add(first, 1, "ext4's superblock"); // Its other parts are laid out in another way.
            return;
        }
        boolean wide = (incompatible & INCOMPAT_64BIT) != 0;
        int size = wide ? u16(0xFE) : 32;
        long blocks = u32(0x4) | (wide ? u32(0x150) << 32 : 0);
        long perGroup = u32(0x20);
        int groups = (int) Math.min(MOST_GROUPS, (blocks - first + perGroup - 1) / perGroup);
        long tableBlocks = (u32(0x28) * u16(0x58) + block - 1) / block;
        long descriptorBlocks = ((long) groups * size + block - 1) / block;
        ByteBuffer descriptors = buffer(reader.read((first + 1) * block, Math.toIntExact(descriptorBlocks * block)));
        for (int group = 0; group < groups; group++) {
            if (hasSuperblock(group)) {
                long at = first + group * perGroup;
                add(at, 1, group == 0 ? "ext4's superblock" : "ext4's backup of the superblock");
                add(at + 1, descriptorBlocks + u16(0xCE), "ext4's group descriptors");
            }
            int descriptor = group * size;
            add(number(descriptors, descriptor, 0x0, 0x20, size), 1, "ext4's block bitmap");
            add(number(descriptors, descriptor, 0x4, 0x24, size), 1, "ext4's inode bitmap");
            add(number(descriptors, descriptor, 0x8, 0x28, size), tableBlocks, "ext4's inode table");
        }
    }

    private static long number(ByteBuffer descriptors, int descriptor, int low, int high, int size) {
        long number = Integer.toUnsignedLong(descriptors.getInt(descriptor + low));
        return size >= 64 ? number | Integer.toUnsignedLong(descriptors.getInt(descriptor + high)) << 32 : number;
    }

    private boolean hasSuperblock(int group) {
        if (group == 0) {
            return true;
        }
        if ((u32(0x5C) & COMPAT_SPARSE_SUPER2) != 0) {
            return group == u32(0x24C) || group == u32(0x250);
        }
        if ((u32(0x64) & RO_COMPAT_SPARSE_SUPER) == 0) {
            return true;
        }
        return group == 1 || isPower(group, 3) || isPower(group, 5) || isPower(group, 7);
    }

    private static boolean isPower(int number, int base) {
        int power = base;
        while (power < number) {
            power *= base;
        }
        return power == number;
    }
}
