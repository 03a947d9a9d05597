// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import java.time.Duration;

/**
 * Which states are checked, and for how long.
 *
 * @param atomic how much the disk writes at once, in bytes; 0 for as much as the filesystem relies on
 * @param ignoresFlushes whether the disk makes nothing durable
 * @param keepsOrder whether it loses only the last writes
 * @param seed of the sample
 * @param every up to how many states of a moment all are checked
 * @param samples how many are checked at random at each other telling moment
 * @param recoveries how many cuts there may be one after the other while a state recovers
 * @param prunes whether states are left out that only differ in what nothing read
 * @param within how long states are checked
 */
public record CrashSettings(
        int atomic,
        boolean ignoresFlushes,
        boolean keepsOrder,
        long seed,
        int every,
        int samples,
        int recoveries,
        boolean prunes,
        Duration within) {}
