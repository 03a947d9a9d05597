// SPDX-License-Identifier: Apache-2.0
package io.dblock;

/**
 * What a device's server has counted so far. It counts requests, not application calls: the kernel merges and splits.
 *
 * @param reads read requests, answered or under way
 * @param writes write requests
 * @param flushes flush requests
 * @param discards discard requests
 * @param writeZeroes write-zeroes requests
 * @param bytesRead bytes that the reads asked for
 * @param bytesWritten bytes that the writes brought
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
