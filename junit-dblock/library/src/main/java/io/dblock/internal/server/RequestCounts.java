// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

/**
 * What a server has seen of a device so far, see {@link io.dblock.DeviceStatistics}.
 */
public record RequestCounts(
        long reads,
        long writes,
        long flushes,
        long discards,
        long writeZeroes,
        long bytesRead,
        long bytesWritten,
        long errors,
        long lateAnswers) {}
