// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import io.dblock.handler.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Where the data of files is on their device, by ioctl(2). No call writes or waits for writes. */
public final class FileExtents {
    // linux/fiemap.h: _IOWR('f', 11, struct fiemap), and the sizes of that and of struct fiemap_extent.
    private static final long FIEMAP = 0xC020660BL;
    private static final int FIEMAP_HEAD = 32;
    private static final int FIEMAP_EXTENT = 56;
    /** Most files have few; memory for more takes longer to get than to ask again. */
    private static final int AT_ONCE = 16;

    private static final int LAST = 0x1;
    /** UNKNOWN, DELALLOC, ENCODED, DATA_INLINE and DATA_TAIL: the data have no place of their own, or not as they are. */
    private static final int WITHOUT_PLACE = 0x2 | 0x4 | 0x8 | 0x200 | 0x400;

    // xfs_fs.h: _IOWR('X', 56, struct getbmap), with struct getbmapx of 48 bytes; all in sectors.
    private static final long XFS_GETBMAPX = 0xC0205838L;
    private static final int GETBMAPX = 48;
    private static final int BMV_IF_DELALLOC = 0x8;

    // xfs_fs.h: _IOR('X', 126, struct xfs_fsop_geom).
    private static final long XFS_GEOMETRY = 0x8100587EL;
    private static final int XFS_GEOMETRY_SIZE = 256;

    // linux/btrfs.h: _IOWR(0x94, 17, struct btrfs_ioctl_search_args).
    private static final long BTRFS_TREE_SEARCH = 0xD0009411L;
    private static final int BTRFS_SEARCH_SIZE = 4096;
    private static final int BTRFS_SEARCH_KEY = 104;
    private static final int BTRFS_ITEM_HEAD = 32;
    private static final long BTRFS_CHUNK_TREE = 3;
    private static final long BTRFS_CHUNKS = 256;
    private static final int BTRFS_CHUNK_ITEM = 228;

    private static final int SECTOR = 512;

    private FileExtents() {}

    /**
     * A range of a file and where it is.
     *
     * @param inside where it begins in the file, in bytes
     * @param offset where it is on the device, in bytes; on btrfs, in the filesystem's own address space
     * @param length bytes
     */
    public record Extent(long inside, long offset, long length) {}

    /** Returns the extents of a file that have a place already; of a directory on ext4, too. */
    public static List<Extent> of(Path file) throws IOException {
        try (Opened opened = new Opened(file)) {
            List<Extent> extents = new ArrayList<>();
            NativeMemory memory = NativeMemory.allocate(FIEMAP_HEAD + AT_ONCE * FIEMAP_EXTENT);
            ByteBuffer map = memory.buffer();
            long from = 0;
            while (true) {
                map.putLong(0, from)
                        .putLong(8, Long.MAX_VALUE - from)
                        .putInt(16, 0)
                        .putInt(20, 0)
                        .putInt(24, AT_ONCE)
                        .putInt(28, 0);
                opened.ioctl(FIEMAP, memory, "FS_IOC_FIEMAP");
                int count = map.getInt(20);
                boolean last = count == 0;
                for (int i = 0; i < count; i++) {
                    int at = FIEMAP_HEAD + i * FIEMAP_EXTENT;
                    long inside = map.getLong(at);
                    long length = map.getLong(at + 16);
                    int flags = map.getInt(at + 40);
                    if ((flags & WITHOUT_PLACE) == 0) {
                        extents.add(new Extent(inside, map.getLong(at + 8), length));
                    }
                    last |= (flags & LAST) != 0;
                    from = inside + length;
                }
                if (last) {
                    return extents;
                }
            }
        }
    }

    /** Returns the extents of a file or directory on XFS, which has no FIEMAP of directories. */
    public static List<Extent> ofXfs(Path file) throws IOException {
        try (Opened opened = new Opened(file)) {
            List<Extent> extents = new ArrayList<>();
            NativeMemory memory = NativeMemory.allocate((1 + AT_ONCE) * GETBMAPX);
            ByteBuffer map = memory.buffer();
            long from = 0;
            while (true) {
                map.putLong(0, from).putLong(8, 0).putLong(16, -1).putInt(24, 1 + AT_ONCE);
                map.putInt(28, 0).putInt(32, BMV_IF_DELALLOC).putInt(36, 0);
                opened.ioctl(XFS_GETBMAPX, memory, "XFS_IOC_GETBMAPX");
                int count = map.getInt(28);
                for (int i = 1; i <= count; i++) {
                    int at = i * GETBMAPX;
                    long inside = map.getLong(at);
                    long block = map.getLong(at + 8);
                    long length = map.getLong(at + 16);
                    if (block >= 0) { // Otherwise it is a hole, or has no place yet.
                        extents.add(new Extent(inside * SECTOR, block * SECTOR, length * SECTOR));
                    }
                    from = inside + length;
                }
                if (count < AT_ONCE) {
                    return extents;
                }
            }
        }
    }

    /**
     * The shape of an XFS filesystem. All numbers are counts, or sizes in bytes.
     *
     * @param groupBlocks the blocks of an allocation group
     * @param logStart the number of the log's first block, which has the group in its upper bits
     * @param flags XFS_FSOP_GEOM_FLAGS_*
     */
    public record XfsGeometry(
            int blockSize,
            long groupBlocks,
            int groups,
            long logBlocks,
            int sectorSize,
            int inodeSize,
            long logStart,
            int flags) {}

    /** Returns the shape of the XFS filesystem that is mounted here. */
    public static XfsGeometry xfs(Path root) throws IOException {
        try (Opened opened = new Opened(root)) {
            NativeMemory memory = NativeMemory.allocate(XFS_GEOMETRY_SIZE);
            opened.ioctl(XFS_GEOMETRY, memory, "XFS_IOC_FSGEOMETRY");
            ByteBuffer told = memory.buffer();
            return new XfsGeometry(
                    told.getInt(0),
                    Integer.toUnsignedLong(told.getInt(8)),
                    told.getInt(12),
                    Integer.toUnsignedLong(told.getInt(16)),
                    told.getInt(20),
                    told.getInt(24),
                    told.getLong(56),
                    told.getInt(92));
        }
    }

    /**
     * A chunk of btrfs: a range of its own address space, and where that is on the device.
     *
     * @param logical where it begins in the address space of btrfs
     * @param length bytes
     * @param type BTRFS_BLOCK_GROUP_*
     * @param copies where its copies begin on the device
     */
    public record BtrfsChunk(long logical, long length, long type, List<Long> copies) {}

    /** Returns the chunks of the btrfs filesystem that is mounted here. */
    public static List<BtrfsChunk> btrfs(Path root) throws IOException {
        try (Opened opened = new Opened(root)) {
            List<BtrfsChunk> chunks = new ArrayList<>();
            NativeMemory memory = NativeMemory.allocate(BTRFS_SEARCH_SIZE);
            ByteBuffer search = memory.buffer();
            long from = 0;
            while (true) {
                long[] key = {BTRFS_CHUNK_TREE, BTRFS_CHUNKS, BTRFS_CHUNKS, from, -1, 0, -1};
                for (int i = 0; i < key.length; i++) {
                    search.putLong(i * Long.BYTES, key[i]);
                }
                search.putInt(56, BTRFS_CHUNK_ITEM).putInt(60, BTRFS_CHUNK_ITEM).putInt(64, Integer.MAX_VALUE);
                opened.ioctl(BTRFS_TREE_SEARCH, memory, "BTRFS_IOC_TREE_SEARCH");
                int found = search.getInt(64);
                if (found == 0) {
                    return chunks;
                }
                int at = BTRFS_SEARCH_KEY;
                for (int i = 0; i < found; i++) {
                    long logical = search.getLong(at + 16);
                    int chunk = at + BTRFS_ITEM_HEAD;
                    List<Long> copies = new ArrayList<>();
                    for (int stripe = 0; stripe < search.getShort(chunk + 44); stripe++) {
                        copies.add(search.getLong(chunk + 48 + stripe * 32 + 8));
                    }
                    chunks.add(new BtrfsChunk(logical, search.getLong(chunk), search.getLong(chunk + 24), copies));
                    from = logical + 1;
                    at = chunk + search.getInt(at + 28);
                }
            }
        }
    }

    /**
     * Reads from a node through the page cache, so that what a mounted filesystem keeps there needs no request.
     *
     * @return fewer bytes only at the end of the device
     */
    public static byte[] read(Path node, long offset, int length) throws IOException {
        try (Opened opened = new Opened(node)) {
            NativeMemory memory = NativeMemory.allocate(length);
            int done = 0;
            while (done < length) {
                long count = Libc.INSTANCE.pread(opened.fd, memory.address() + done, length - done, offset + done);
                if (count < 0) {
                    throw new IOException("Cannot read " + node + ": " + Errno.describe((int) -count));
                }
                if (count == 0) {
                    break;
                }
                done += (int) count;
            }
            byte[] bytes = new byte[done];
            memory.buffer().get(0, bytes);
            return bytes;
        }
    }

    private static final class Opened implements AutoCloseable {
        private final Path path;
        final int fd;

        Opened(Path path) throws IOException {
            this.path = path;
            fd = Libc.INSTANCE.open(path.toString(), Linux.O_RDONLY | Linux.O_NONBLOCK | Linux.O_CLOEXEC);
            if (fd < 0) {
                throw new IOException("Cannot open " + path + ": " + Errno.describe(-fd));
            }
        }

        void ioctl(long request, NativeMemory argument, String name) throws IOException {
            int result = Libc.INSTANCE.ioctl(fd, request, argument.address());
            if (result < 0) {
                throw new IOException(name + " of " + path + " failed: " + Errno.describe(-result));
            }
        }

        @Override
        public void close() {
            Libc.INSTANCE.close(fd);
        }
    }
}
