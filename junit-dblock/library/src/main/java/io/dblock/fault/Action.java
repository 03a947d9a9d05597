// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.power.Survivors;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/**
 * What a rule does to the part of a request that it matches. {@link FaultBuilder} has a method for each, where they are
 * described. Prints itself as what happens.
 */
public sealed interface Action {

    /**
     * The errors that have a block status of their own: these reach the application as themselves. But on kernels before 6.5
     * ETIME arrives as EIO, and {@code fsync} takes a flush that fails with EOPNOTSUPP for done.
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

    /** The operations it can act on. */
    default Set<Operation> operations() {
        return EnumSet.allOf(Operation.class);
    }

    /** How many requests it acts on at most where the rule does not say. A power cut is one event, all else has no limit. */
    default long times() {
        return Long.MAX_VALUE;
    }

    /** Fails it. */
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
     * Does the first sectors of it and fails the rest.
     *
     * @param sectors how many sectors of 512 bytes are done, at least 1
     */
    record FailAfter(long sectors, Errno errno) implements Action {
        /** Checks both. */
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

    /** Fails reads with ENODATA, the kernel's word for a medium error, until the sector is rewritten. */
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

    /** Says done and does nothing. */
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

    /** Says done and does some blocks of it. */
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
     * Reads or writes elsewhere.
     *
     * @param delta how far from where it should be, in bytes; not 0
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

    /** Gives what was there when the rule was armed. */
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
     * @param perSector how many different ones in each sector of 512 bytes, 1 to 4096
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

    /** Says that it has flushed and does not; takes the FUA from writes. */
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

    /** Does it later. */
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

    /** Lets this many requests per second begin, at even distances. */
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

    /** Lets this many bytes per second through. */
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

    /** Fails writes with ENOSPC once this many new logical blocks are written. */
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

    /** Fails what would change the disk, as a disk does that has become read-only. */
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

    /** Keeps it until the test lets it go. */
    record Hold() implements Action {
        @Override
        public String toString() {
            return "hold";
        }
    }

    /**
     * Cuts the power.
     *
     * @param survivors what of the write cache outlives it
     * @param after whether the request is done and answered before
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
