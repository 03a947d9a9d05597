// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import io.dblock.handler.Errno;
import java.util.Objects;

/**
 * A part of a request that failed.
 *
 * @param offset where it starts on the device, in bytes; 0 for a flush
 * @param length bytes; 0 for a flush
 * @param errno the error
 */
public record FailedRange(long offset, long length, Errno errno) {

    /** Checks that there is an error. */
    public FailedRange {
        Objects.requireNonNull(errno, "errno");
    }

    @Override
    public String toString() {
        return length == 0 ? errno.name() : errno + " on " + EntryText.sectors(offset, length);
    }
}
