// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.files;

import io.dblock.handler.Place;
import io.dblock.handler.Place.Kind;
import io.dblock.internal.kernel.FileExtents.XfsGeometry;
import java.util.ArrayList;
import java.util.List;

/**
 * Where XFS has its own parts: its log, the headers of its allocation groups with the first blocks of their indexes, and
 * the inodes. What else it takes for indexes is not known.
 *
 * <p>The layout is that of fs/xfs/libxfs/xfs_format.h.
 */
final class XfsParts {
    // XFS_FSOP_GEOM_FLAGS_*: each gives an allocation group one more index.
    private static final int FINOBT = 1 << 13;
    private static final int RMAPBT = 1 << 19;
    private static final int REFLINK = 1 << 20;
    /** Inodes are made 64 at a time. */
    private static final int CHUNK = 64;
    /** The superblock, and the headers for free space, inodes and spare blocks. */
    private static final int HEADER_SECTORS = 4;

    private final XfsGeometry shape;
    private final int groupBits;
    private final int inodeBits;

    XfsParts(XfsGeometry shape) {
        this.shape = shape;
        groupBits = Long.SIZE - Long.numberOfLeadingZeros(shape.groupBlocks() - 1);
        inodeBits = Integer.numberOfTrailingZeros(shape.blockSize() / shape.inodeSize());
    }

    /** Returns the parts that do not move. */
    List<Place> fixed() {
        List<Place> parts = new ArrayList<>();
        if (shape.logStart() != 0) {
            long offset = offset(shape.logStart() >> groupBits, shape.logStart() & ((1L << groupBits) - 1));
            parts.add(new Place(offset, shape.logBlocks() * shape.blockSize(), Kind.FILESYSTEM, "XFS's log", 0));
        }
        int headerBlocks = (HEADER_SECTORS * shape.sectorSize() - 1) / shape.blockSize() + 1;
        int indexes = 3 + has(FINOBT) + has(RMAPBT) + has(REFLINK);
        for (int group = 0; group < shape.groups(); group++) {
            parts.add(new Place(
                    offset(group, 0),
                    (long) headerBlocks * shape.blockSize(),
                    Kind.FILESYSTEM,
                    group == 0 ? "XFS's superblock and group header" : "XFS's group header",
                    0));
            parts.add(new Place(
                    offset(group, headerBlocks),
                    (long) indexes * shape.blockSize(),
                    Kind.FILESYSTEM,
                    "XFS's indexes",
                    0));
        }
        return parts;
    }

    private int has(int flag) {
        return (shape.flags() & flag) == 0 ? 0 : 1;
    }

    /** Returns the inodes that were made together with this one. */
    Place inodes(long inode) {
        long first = inode / CHUNK * CHUNK;
        long block = first >> inodeBits;
        long within = first - (block << inodeBits);
        long offset = offset(block >> groupBits, block & ((1L << groupBits) - 1)) + within * shape.inodeSize();
        return new Place(offset, (long) CHUNK * shape.inodeSize(), Kind.FILESYSTEM, "XFS's inodes", 0);
    }

    private long offset(long group, long block) {
        return (group * shape.groupBlocks() + block) * shape.blockSize();
    }
}
