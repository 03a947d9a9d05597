// SPDX-License-Identifier: Apache-2.0
package io.dblock.crash;

import io.dblock.internal.crash.CrashSearch.Counts;
import java.time.Duration;
import java.util.Locale;

/**
 * What a crash test has done.
 *
 * @param requests how many writes, discards and flushes the workload made
 * @param acknowledgements how many there were
 * @param moments at which the power was cut: after each request and each acknowledgement
 * @param atomic of how many bytes a piece was never torn, in bytes
 * @param possible about how many states a cut can leave, counted before each flush, after each acknowledgement, and at the
 *     end
 * @param checked how many states were checked, each with other content or acknowledgements
 * @param repeated how many were the same as one before, and not checked again
 * @param sampled how many of those checked were chosen at random
 * @param failed how many failed
 * @param left how many of those chosen were not checked, because the time was over or one had failed
 * @param leftIsMore whether more are left than were counted
 * @param elapsed how long the checks took
 */
public record CrashReport(
        int requests,
        int acknowledgements,
        int moments,
        int atomic,
        double possible,
        long checked,
        long repeated,
        long sampled,
        long failed,
        long left,
        boolean leftIsMore,
        Duration elapsed) {

    CrashReport(Counts counts) {
        this(
                counts.requests(),
                counts.acknowledgements(),
                counts.moments(),
                counts.atomic(),
                counts.possible(),
                counts.checked(),
                counts.repeated(),
                counts.sampled(),
                counts.failed(),
                counts.left(),
                counts.leftIsMore(),
                counts.elapsed());
    }

    /** Returns how many states were checked a minute. */
    public long perMinute() {
        return checked * 60_000 / Math.max(1, elapsed.toMillis());
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%d states checked (%d at random), %d failed, %s%d left; %d the same as one before; about %s possible at %d"
                        + " moments of %d requests with %d acknowledgements, with writes torn at %d bytes; %.1f s, %d states a minute",
                checked,
                sampled,
                failed,
                leftIsMore ? "more than " : "",
                left,
                repeated,
                possible < 1e6
                        ? String.valueOf(Math.round(possible))
                        : String.format(Locale.ROOT, "%.0e", Math.min(possible, Double.MAX_VALUE)),
                moments,
                requests,
                acknowledgements,
                atomic,
                elapsed.toMillis() / 1000.0,
                perMinute());
    }
}
