// SPDX-License-Identifier: Apache-2.0
package io.dblock.crash;

import io.dblock.internal.crash.CrashSearch.Counts;
import java.time.Duration;
import java.util.List;
import java.util.Locale;

/** What a crash test has done. */
public final class CrashReport {
    private final Counts counts;

    CrashReport(Counts counts) {
        this.counts = counts;
    }

    /** Returns how many writes, discards and flushes the workload made. */
    public int requests() {
        return counts.requests();
    }

    /** Returns how many acknowledgements there were. */
    public int acknowledgements() {
        return counts.acknowledgements();
    }

    /** Returns at how many moments the power was cut: after each request and each acknowledgement. */
    public int moments() {
        return counts.moments();
    }

    /** Returns of how many bytes a piece was never torn. */
    public int atomic() {
        return counts.atomic();
    }

    /**
     * Returns about how many states a cut can leave, counted before each flush, after each acknowledgement, and at the end.
     */
    public double possible() {
        return counts.possible();
    }

    /** Returns how many states were checked, each with other content or acknowledgements. */
    public long checked() {
        return counts.checked();
    }

    /** Returns how many were the same as one before, and not checked again. */
    public long repeated() {
        return counts.repeated();
    }

    /**
     * Returns how many were not checked because they differ from one that passed only in blocks that neither mounting nor the
     * check had read; see {@link CrashTest#prune}.
     */
    public long pruned() {
        return counts.pruned();
    }

    /** Returns how many of those checked were chosen at random. */
    public long sampled() {
        return counts.sampled();
    }

    /** Returns for how many states it was recorded what mounting and the check wrote; see {@link CrashTest#cutsDuringRecovery}. */
    public long recoveries() {
        return counts.recoveries();
    }

    /** Returns how many of those checked are of a cut during such a recovery. */
    public long inRecovery() {
        return counts.inRecovery();
    }

    /** Returns how many failed. */
    public long failed() {
        return counts.failures().size();
    }

    /** Returns which ones failed, in the order in which they were found. */
    public List<FailedState> failures() {
        return FailedState.of(counts.failures());
    }

    /** Returns how many of those chosen were not checked, because the time was over or one had failed. */
    public long left() {
        return counts.left();
    }

    /** Returns whether more are left than were counted. */
    public boolean leftIsMore() {
        return counts.leftIsMore();
    }

    /** Returns how long the checks took. */
    public Duration elapsed() {
        return counts.elapsed();
    }

    /** Returns how many states were checked a minute. */
    public long perMinute() {
        return checked() * 60_000 / Math.max(1, elapsed().toMillis());
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%d states checked (%d at random%s), %d failed, %s%d left; %d the same as one before, %d pruned; about %s possible"
                        + " at %d moments of %d requests with %d acknowledgements, with writes torn at %d bytes; %.1f s, %d states a"
                        + " minute",
                checked(),
                sampled(),
                recoveries() == 0
                        ? ""
                        : String.format(Locale.ROOT, ", %d of cuts during %d recoveries", inRecovery(), recoveries()),
                failed(),
                leftIsMore() ? "more than " : "",
                left(),
                repeated(),
                pruned(),
                possible() < 1e6
                        ? String.valueOf(Math.round(possible()))
                        : String.format(Locale.ROOT, "%.0e", Math.min(possible(), Double.MAX_VALUE)),
                moments(),
                requests(),
                acknowledgements(),
                atomic(),
                elapsed().toMillis() / 1000.0,
                perMinute());
    }
}
