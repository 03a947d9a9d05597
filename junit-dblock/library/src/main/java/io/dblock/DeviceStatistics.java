// SPDX-License-Identifier: Apache-2.0
package io.dblock;

/**
 * What a device's server has seen so far. Requests, not application calls: the kernel merges and splits.
 *
 * @param reads read requests answered or under way
 * @param writes write requests
 * @param flushes flush requests
 * @param discards discard requests
 * @param writeZeroes write-zeroes requests
 * @param bytesRead bytes asked for by the reads
 * @param bytesWritten bytes brought by the writes
 * @param errors requests answered with an error
 * @param lateAnswers answers the kernel refused because the request had timed out or was answered before
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
