// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.power.Survivors;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/**
 * What a rule does to the matched part of a request. {@link FaultBuilder} describes each action in the method for it.
 * Its text says what happens.
 */
public sealed interface Action {

    /**
     * The errors with a block status of their own, which reach the application unchanged. There are two exceptions:
     * before Linux 6.5, ETIME arrives as EIO, and for {@code fsync}, a flush that fails with EOPNOTSUPP is a success.
     */
    Set<Errno> ERRORS = Collections.unmodifiableSet(EnumSet.of(
            Errno.EIO,
            Errno.EOPNOTSUPP,
            Errno.ETIMEDOUT,
            Errno.ENOSPC,
            Errno.ENOLINK,
            Errno.EREMOTEIO,
            Errno.EBADE,
            Errno.ENODATA,
            Errno.EILSEQ,
            Errno.ENOMEM,
            Errno.EBUSY,
            Errno.ENODEV,
            Errno.ETIME));

    /** Returns the operations the action can act on. */
    default Set<Operation> operations() {
        return EnumSet.allOf(Operation.class);
    }

    /**
     * Returns on how many requests the action acts at most, unless the rule has its own limit: 1 for a power cut, no limit
     * for all others.
     */
    default long times() {
        return Long.MAX_VALUE;
    }

    /** Fails the matched part. */
    record Fail(Errno errno) implements Action {
        /** Checks that the error has a block status. */
        public Fail {
            checkErrno(errno);
        }

        @Override
        public String toString() {
            return "fail with " + errno;
        }
    }

    /**
     * Does the first sectors of the matched part and fails the rest.
     *
     * @param sectors how many sectors of 512 bytes are done, at least 1
     */
    record FailAfter(long sectors, Errno errno) implements Action {
        /** Checks both values. */
        public FailAfter {
            if (sectors < 1 || sectors > Long.MAX_VALUE / Match.SECTOR) {
                throw new IllegalArgumentException(
                        "sectors is " + sectors + ". Allowed: at least 1; to do none of it, use fail(errno).");
            }
            checkErrno(errno);
        }

        @Override
        public Set<Operation> operations() {
            return withSectors();
        }

        @Override
        public String toString() {
            return "fail with " + errno + " after " + Durations.count(sectors, "sector");
        }
    }

    /** Fails reads with ENODATA, the kernel's error for a medium error, until the sector is rewritten. */
    record MediumError() implements Action {
        @Override
        public Set<Operation> operations() {
            return EnumSet.of(Operation.READ);
        }

        @Override
        public String toString() {
            return "medium error until rewritten";
        }
    }

    /** Reports success and does nothing. */
    record Lose() implements Action {
        @Override
        public Set<Operation> operations() {
            return changing();
        }

        @Override
        public String toString() {
            return "lose";
        }
    }

    /** Reports success and does only some blocks. */
    record TearWrite(Tear tear) implements Action {
        /** Refuses null. */
        public TearWrite {
            java.util.Objects.requireNonNull(tear, "tear");
        }

        @Override
        public Set<Operation> operations() {
            return changing();
        }

        @Override
        public String toString() {
            return "tear, doing " + tear;
        }
    }

    /**
     * Reads or writes at another place.
     *
     * @param delta the distance to the right place in bytes; not 0
     */
    record Misdirect(long delta) implements Action {
        /** Refuses 0. */
        public Misdirect {
            if (delta == 0 || delta == Long.MIN_VALUE) {
                throw new IllegalArgumentException(
                        "delta is " + delta + ". Allowed: bytes by which to miss the place, positive or negative.");
            }
        }

        @Override
        public Set<Operation> operations() {
            return withData();
        }

        @Override
        public String toString() {
            return "misdirect by " + (delta > 0 ? "+" : "") + delta + " bytes";
        }
    }

    /** Returns the content from when the rule was armed. */
    record Stale() implements Action {
        @Override
        public Set<Operation> operations() {
            return EnumSet.of(Operation.READ);
        }

        @Override
        public String toString() {
            return "read stale data";
        }
    }

    /**
     * Flips bits of the data.
     *
     * @param perSector how many different bits in each sector of 512 bytes, 1 to 4096
     */
    record FlipBits(int perSector) implements Action {
        /** Checks the number. */
        public FlipBits {
            if (perSector < 1 || perSector > 8 * Match.SECTOR) {
                throw new IllegalArgumentException(
                        "perSector is " + perSector + ". Allowed: 1 to 4096, the bits of a sector.");
            }
        }

        @Override
        public Set<Operation> operations() {
            return withData();
        }

        @Override
        public String toString() {
            return "flip " + Durations.count(perSector, "bit") + " per sector";
        }
    }

    /** Replaces the data with random bytes. */
    record Garbage() implements Action {
        @Override
        public Set<Operation> operations() {
            return withData();
        }

        @Override
        public String toString() {
            return "fill with garbage";
        }
    }

    /** Reports success for a flush without flushing; removes FUA from writes. */
    record IgnoreFlushes() implements Action {
        @Override
        public Set<Operation> operations() {
            return EnumSet.of(Operation.FLUSH, Operation.WRITE);
        }

        @Override
        public String toString() {
            return "ignore flush and FUA";
        }
    }

    /** Delays the request. */
    record Wait(Delay delay) implements Action {
        /** Refuses null. */
        public Wait {
            java.util.Objects.requireNonNull(delay, "delay");
        }

        @Override
        public String toString() {
            return "delay by " + delay;
        }
    }

    /** Limits how many requests per second begin, evenly spaced. */
    record LimitIops(long perSecond) implements Action {
        /** Checks the range. */
        public LimitIops {
            if (perSecond < 1 || perSecond > 1_000_000_000L) {
                throw new IllegalArgumentException(
                        "perSecond is " + perSecond + ". Allowed: 1 to 1000000000 requests per second.");
            }
        }

        @Override
        public String toString() {
            return "limit to " + perSecond + " IOPS";
        }
    }

    /** Limits the bytes per second of reads and writes. */
    record LimitBandwidth(long bytesPerSecond) implements Action {
        /** Checks the range. */
        public LimitBandwidth {
            if (bytesPerSecond < 1) {
                throw new IllegalArgumentException(
                        "bytesPerSecond is " + bytesPerSecond + ". Allowed: at least 1 byte per second.");
            }
        }

        @Override
        public Set<Operation> operations() {
            return withData();
        }

        @Override
        public String toString() {
            return "limit to " + Durations.count(bytesPerSecond, "byte") + " per second";
        }
    }

    /** Fails writes with ENOSPC after this many new logical blocks are written. */
    record Full(long newBlocks) implements Action {
        /** Checks the number. */
        public Full {
            if (newBlocks < 0) {
                throw new IllegalArgumentException(
                        "newBlocks is " + newBlocks + ". Allowed: 0 or more logical blocks that are still free.");
            }
        }

        @Override
        public Set<Operation> operations() {
            return EnumSet.of(Operation.WRITE, Operation.WRITE_ZEROES);
        }

        @Override
        public String toString() {
            return "full after " + Durations.count(newBlocks, "new block");
        }
    }

    /** Fails requests that would change the disk, like a disk that has become read-only. */
    record ReadOnly() implements Action {
        @Override
        public Set<Operation> operations() {
            return changing();
        }

        @Override
        public String toString() {
            return "read-only";
        }
    }

    /** Keeps the request until the test releases it. */
    record Hold() implements Action {
        @Override
        public String toString() {
            return "hold";
        }
    }

    /**
     * Cuts the power.
     *
     * @param survivors which writes in the cache survive
     * @param after whether the request is done and answered before the cut
     */
    record PowerCut(Survivors survivors, boolean after) implements Action {
        /** Refuses null. */
        public PowerCut {
            java.util.Objects.requireNonNull(survivors, "survivors");
        }

        @Override
        public long times() {
            return 1;
        }

        @Override
        public String toString() {
            return "cut the power " + (after ? "after" : "before") + " it, surviving: " + survivors;
        }
    }

    private static void checkErrno(Errno errno) {
        java.util.Objects.requireNonNull(errno, "errno");
        if (!ERRORS.contains(errno)) {
            throw new IllegalArgumentException("errno is " + errno
                    + ", which has no block status: the application would see EIO. Allowed: " + ERRORS + ".");
        }
    }

    private static Set<Operation> withSectors() {
        return EnumSet.of(Operation.READ, Operation.WRITE, Operation.DISCARD, Operation.WRITE_ZEROES);
    }

    private static Set<Operation> withData() {
        return EnumSet.of(Operation.READ, Operation.WRITE);
    }

    private static Set<Operation> changing() {
        return EnumSet.of(Operation.WRITE, Operation.DISCARD, Operation.WRITE_ZEROES);
    }
}
