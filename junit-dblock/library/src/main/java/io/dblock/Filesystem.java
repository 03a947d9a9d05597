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

    /** Returns the type that mount(8) knows; empty for {@link #NONE}. */
    public String type() {
        return type;
    }

    /**
     * Returns the size of the smallest device that mkfs accepts with default options, in bytes. An image may be
     * smaller, or become smaller.
     */
    public long minimumSize() {
        return minimumSize;
    }
}
