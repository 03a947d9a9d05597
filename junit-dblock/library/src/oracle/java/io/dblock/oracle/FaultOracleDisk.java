// SPDX-License-Identifier: Apache-2.0
package io.dblock.oracle;

import io.dblock.fault.Faults;
import io.dblock.internal.journal.Answer;
import io.dblock.handler.Errno;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A disk with fault rules, as a program sees it: what {@link FaultOracle} compares with its model. Each call makes one
 * request, and nothing else makes any. Calls come from one thread at a time. The result of an operation is its error, or null.
 */
public interface FaultOracleDisk {

    /** In bytes; small, for all of it is compared. */
    int size();

    /** In bytes. */
    int logicalBlockSize();

    /** Its rules, none so far. */
    Faults faults();

    /** Reads past the page cache. If it fails, {@code dst} may have anything. */
    Errno read(long offset, byte[] dst) throws Exception;

    /** Writes past the page cache. */
    Errno write(long offset, byte[] src, boolean fua) throws Exception;

    /** Flushes the write cache. */
    Errno flush() throws Exception;

    /** Discards; the range reads as zeros then. */
    Errno discard(long offset, long length) throws Exception;

    /** Has the range read as zeros; {@code mayUnmap} is the opposite of the flag NOUNMAP. */
    Errno writeZeroes(long offset, long length, boolean mayUnmap) throws Exception;

    /** Reads what the disk really has, with no regard to rules. */
    void peek(long offset, byte[] dst) throws Exception;

    /** The power is back after a rule has cut it; all of the cache has survived. */
    void restorePower() throws Exception;

    /** Whether it can be given writes with FUA that make no further request. */
    default boolean takesFua() {
        return true;
    }

    /** Whether it can be given write-zeroes with the flag NOUNMAP that make no further request if they fail. */
    default boolean takesNoUnmap() {
        return true;
    }

    /** What became of the last request, part by part, if it can be seen. */
    default Optional<Answer> lastAnswer() {
        return Optional.empty();
    }

    /** How many flushes have reached what lies below the rules, if it can be seen. */
    default OptionalLong flushesDone() {
        return OptionalLong.empty();
    }

    /** How many bytes have been written with FUA below the rules, if it can be seen. */
    default OptionalLong fuaBytesDone() {
        return OptionalLong.empty();
    }
}
