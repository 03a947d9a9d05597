// SPDX-License-Identifier: Apache-2.0
package io.dblock;

/**
 * The requests that a device's server has counted so far. They are not application calls, which the kernel merges and
 * splits.
 *
 * @param reads read requests, answered or under way
 * @param writes write requests
 * @param flushes flush requests
 * @param discards discard requests
 * @param writeZeroes write-zeroes requests
 * @param bytesRead bytes requested by reads
 * @param bytesWritten bytes of data in writes
 * @param errors requests answered with an error
 * @param lateAnswers answers that the kernel refused because the request had timed out or was already answered
 */
public record DeviceStatistics(
        long reads,
        long writes,
        long flushes,
        long discards,
        long writeZeroes,
        long bytesRead,
        long bytesWritten,
        long errors,
        long lateAnswers) {}
