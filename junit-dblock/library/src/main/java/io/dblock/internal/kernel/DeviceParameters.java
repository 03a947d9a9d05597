// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import java.util.EnumSet;
import java.util.Set;

/**
 * The input of DBLOCK_CTL_CREATE; see {@code struct dblock_create} in dblock.h for units, ranges and what 0 means.
 *
 * @param name at most 27 ASCII characters, or empty
 */
public record DeviceParameters(
        String name,
        long size,
        int logicalBlock,
        int physicalBlock,
        int ioMin,
        int ioOpt,
        int queues,
        int depth,
        int maxIo,
        int timeoutMillis,
        int discardGranularity,
        long maxDiscard,
        long maxWriteZeroes,
        Set<Flag> flags,
        long zoneSize,
        int maxOpenZones,
        int maxActiveZones,
        int maxAppend) {

    /** Copies the flags. */
    public DeviceParameters {
        flags = Set.copyOf(flags);
    }

    /** Creates the parameters of a device without zones. */
    public DeviceParameters(
            String name,
            long size,
            int logicalBlock,
            int physicalBlock,
            int ioMin,
            int ioOpt,
            int queues,
            int depth,
            int maxIo,
            int timeoutMillis,
            int discardGranularity,
            long maxDiscard,
            long maxWriteZeroes,
            Set<Flag> flags) {
        this(
                name,
                size,
                logicalBlock,
                physicalBlock,
                ioMin,
                ioOpt,
                queues,
                depth,
                maxIo,
                timeoutMillis,
                discardGranularity,
                maxDiscard,
                maxWriteZeroes,
                flags,
                0,
                0,
                0,
                0);
    }

    /** Returns the same with this flag. */
    public DeviceParameters with(Flag flag) {
        EnumSet<Flag> all = EnumSet.of(flag);
        all.addAll(flags);
        return new DeviceParameters(
                name,
                size,
                logicalBlock,
                physicalBlock,
                ioMin,
                ioOpt,
                queues,
                depth,
                maxIo,
                timeoutMillis,
                discardGranularity,
                maxDiscard,
                maxWriteZeroes,
                all,
                zoneSize,
                maxOpenZones,
                maxActiveZones,
                maxAppend);
    }

    /** Returns whether the device is zoned. */
    public boolean isZoned() {
        return zoneSize != 0;
    }

    /** The DBLOCK_F_* flags. */
    public enum Flag {
        /** The device refuses writes. */
        READ_ONLY(1L << 0),
        /** The device reports that it spins. */
        ROTATIONAL(1L << 1),
        /** The device has a volatile write cache. */
        WRITE_CACHE(1L << 2),
        /** The device handles FUA writes natively. */
        FUA(1L << 3),
        /** Pages do not change while they are written. */
        STABLE_WRITES(1L << 4),
        /** The device stays when its session ends. */
        OUTLIVE(1L << 5),
        /** The device starts when it is created. Its partitions are not scanned then. */
        AUTO_START(1L << 6),
        /** Partitions are never scanned. */
        NO_PARTITIONS(1L << 7),
        /**
         * The next server gets the requests that a dead one held. Not for {@link ControlSession#create}, which has no
         * time to wait.
         */
        REISSUE(1L << 8);

        private final long bit;

        Flag(long bit) {
            this.bit = bit;
        }

        /** Returns the flag's bit in the ABI. */
        public long bit() {
            return bit;
        }
    }
}
