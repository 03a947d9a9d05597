// SPDX-License-Identifier: Apache-2.0
package io.dblock.crash;

import io.dblock.internal.crash.FaultSweep.Counts;
import java.time.Duration;
import java.util.List;
import java.util.Locale;

/** What a fault test has done. */
public final class FaultReport {
    private final Counts counts;

    FaultReport(Counts counts) {
        this.counts = counts;
    }

    /** Returns how many faults were tried. */
    public long faults() {
        return counts.faults();
    }

    /** Returns how many of these acted, because the workload came to the request. */
    public long reached() {
        return counts.reached();
    }

    /** Returns after how many of those the workload threw. */
    public long reported() {
        return counts.reported();
    }

    /** Returns how many states were checked: what the workload left, and what a power cut left then, if that differed. */
    public long checked() {
        return counts.checked();
    }

    /** Returns what failed, in the order in which the faults were tried: for each the first state after it. */
    public List<FailedState> failures() {
        return FailedState.of(counts.failures());
    }

    /** Returns how many faults were not tried, because the time was over or one had failed. */
    public long left() {
        return counts.left();
    }

    /** Returns how long it took. */
    public Duration elapsed() {
        return counts.elapsed();
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%d faults tried, %d failed, %d left; %d acted, the workload reported %d of them; %d states checked; %.1f s",
                faults(),
                failures().size(),
                left(),
                reached(),
                reported(),
                checked(),
                elapsed().toMillis() / 1000.0);
    }
}
