// SPDX-License-Identifier: Apache-2.0
package io.dblock;

/** The filesystem a device is formatted with. */
public enum Filesystem {
    /** Not set: the configuration parameter applies, otherwise {@link #NONE}. No device has this value. */
    DEFAULT("", 0),
    /** No filesystem: a raw device. */
    NONE("", 0),
    /** ext4, from e2fsprogs. */
    EXT4("ext4", 256L << 10),
    /** XFS, from xfsprogs 5.19 or later, which refuses less than 300 MiB. */
    XFS("xfs", 300L << 20),
    /** btrfs, from btrfs-progs. */
    BTRFS("btrfs", 109L << 20);

    private final String type;
    private final long minimumSize;

    Filesystem(String type, long minimumSize) {
        this.type = type;
        this.minimumSize = minimumSize;
    }

    /** Returns the filesystem type for mount(2); empty for {@link #NONE} and {@link #DEFAULT}. */
    public String type() {
        return type;
    }

    /**
     * Returns the size of the smallest device that mkfs accepts with default options, in bytes. A device made from an
     * image may be smaller, and a device may shrink below this size.
     */
    public long minimumSize() {
        return minimumSize;
    }
}
