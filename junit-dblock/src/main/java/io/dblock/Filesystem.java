// SPDX-License-Identifier: Apache-2.0
package io.dblock;

/** What a device is formatted with. */
public enum Filesystem {
    /** Nothing: a raw device. */
    NONE("", "", "", 0),
    /** ext4, from e2fsprogs. */
    EXT4("ext4", "mkfs.ext4", "e2fsprogs", 256L << 10),
    /** XFS, from xfsprogs 5.19 or later, which refuses less than 300 MiB. */
    XFS("xfs", "mkfs.xfs", "xfsprogs", 300L << 20),
    /** btrfs, from btrfs-progs. */
    BTRFS("btrfs", "mkfs.btrfs", "btrfs-progs", 109L << 20);

    private final String type;
    private final String maker;
    private final String debianPackage;
    private final long minimumSize;

    Filesystem(String type, String maker, String debianPackage, long minimumSize) {
        this.type = type;
        this.maker = maker;
        this.debianPackage = debianPackage;
        this.minimumSize = minimumSize;
    }

    /** The name mount(8) knows it by; empty for {@link #NONE}. */
    public String type() {
        return type;
    }

    /** The program that makes one. */
    String maker() {
        return maker;
    }

    /** The package of {@link #maker()}, called the same on Debian, Fedora and their relatives. */
    String debianPackage() {
        return debianPackage;
    }

    /** The smallest device that mkfs makes it on with default options, in bytes. An image may be smaller, or become so. */
    public long minimumSize() {
        return minimumSize;
    }

    /**
     * To be called before it is made. With options of the user's, mkfs itself says what it needs.
     *
     * @throws IllegalArgumentException if the device is too small
     */
    void checkSize(DeviceSpec spec) {
        if (spec.mkfsOptions().isEmpty() && spec.size() < minimumSize) {
            throw new IllegalArgumentException("size is " + spec.size() + " bytes (" + ByteSize.format(spec.size())
                    + "): " + this + " needs at least " + ByteSize.format(minimumSize)
                    + ". Make the device larger (unwritten space costs no memory), or use another filesystem.");
        }
    }
}
