// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import io.dblock.internal.crash.CrashStates.Family;
import io.dblock.internal.crash.CrashStates.Settings;
import io.dblock.internal.crash.CrashStates.State;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Checks the states of a campaign one by one, until there are no more or the time is over. The first one that fails is made
 * simpler and explained.
 */
public final class CrashSearch implements AutoCloseable {
    private static final Duration SHRINK = Duration.ofSeconds(30);
    private static final Duration PROGRESS = Duration.ofSeconds(10);
    /** How long the states that are left are counted. */
    private static final Duration COUNT = Duration.ofSeconds(1);

    private final Campaign campaign;
    private final CrashStates states;
    private final Duration within;
    private final Path images;
    private final long start = System.nanoTime();
    private long progress = start;
    private State next;
    private long checked;
    private long sampled;
    private long failed;
    private long left = -1;
    private boolean leftIsMore;

    /**
     * A state that failed.
     *
     * @param text all that there is to say
     * @param cause what the check has thrown
     */
    public record Failed(String text, Throwable cause) {}

    /**
     * How many states there were.
     *
     * @param requests that changed the disk or made its content durable
     * @param atomic how many bytes the disk wrote at once
     * @param possible how many states a cut can leave; about
     * @param checked how many were checked, each with other content or other acknowledgements
     * @param repeated how many were not checked because they had the same content and acknowledgements as one before
     * @param sampled how many of those checked were chosen at random
     * @param left how many of those chosen were not checked, for want of time; at least if {@code leftIsMore}
     */
    public record Counts(
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
            Duration elapsed) {}

    /** {@code images} is the directory for images of failed states. */
    public CrashSearch(Campaign campaign, long seed, int every, int samples, Duration within, Path images) {
        this.campaign = campaign;
        this.within = within;
        this.images = images;
        states = campaign.states(new Settings(seed, every, samples));
    }

    /** Returns the next state to check, in words; empty if there is none, or no time. */
    public Optional<String> next() {
        if (next == null && isTimeLeft() && states.hasNext()) {
            next = states.next();
        }
        return Optional.ofNullable(next)
                .map(state -> campaign.id(state.point()) + " " + campaign.describe(state.point()));
    }

    private boolean isTimeLeft() {
        return System.nanoTime() - start < within.toNanos();
    }

    /** Checks the state that {@link #next()} has returned. */
    public Optional<Failed> check() {
        State state = next;
        next = null;
        checked++;
        sampled += state.family() == Family.SAMPLE ? 1 : 0;
        Throwable failure = campaign.checkNow(state);
        if (failure == null) {
            tellProgress(state);
            return Optional.empty();
        }
        failed++;
        return Optional.of(failed == 1 ? explain(state.point(), failure) : brief(state.point(), failure));
    }

    /** Checks the state with this id, and no other. */
    public Optional<Failed> check(String id) {
        CrashPoint point = campaign.parse(id);
        if (id.contains("~") && !campaign.id(point).equals(id.strip())) {
            System.err.println("junit-dblock: the workload has not written the same as when the crash state " + id
                    + " failed, so this is another one: " + campaign.id(point));
        }
        checked++;
        Throwable failure = campaign.verdict(point);
        if (failure == null) {
            return Optional.empty();
        }
        failed++;
        return Optional.of(explanation(point, failure, "\n"));
    }

    private Failed brief(CrashPoint point, Throwable failure) {
        return new Failed(
                "The state " + campaign.describe(point)
                        + " failed, too. Only the first one that failed is explained.\n\n"
                        + Explanation.cause(failure) + "\n\nThis state alone: -Ddblock.crash.state="
                        + campaign.id(point),
                failure);
    }

    private Failed explain(CrashPoint failing, Throwable failure) {
        long end = System.nanoTime() + SHRINK.toNanos();
        Shrinker shrinker = new Shrinker(
                campaign.log(), point -> campaign.verdict(point) != null, () -> System.nanoTime() - end < 0);
        CrashPoint simplest = shrinker.shrink(failing);
        Throwable cause = campaign.verdict(simplest);
        String how = simplest.equals(failing)
                ? " (state " + checked + ")\n"
                : "\n(found as state " + checked + ", " + campaign.describe(failing) + "; made simpler in "
                        + shrinker.steps() + " steps)\n";
        return cause == null ? explanation(failing, failure, how) : explanation(simplest, cause, how);
    }

    private Failed explanation(CrashPoint point, Throwable failure, String how) {
        Explanation explanation = new Explanation(campaign, point);
        String text = "A power cut breaks it: " + campaign.describe(point) + how + "\n"
                + Explanation.cause(failure) + "\n\n"
                + broken(point) + "\n\n"
                + "What the cut loses:\n" + explanation.losses() + "\n\n"
                + "What happened:\n" + explanation.timeline() + "\n\n"
                + "This state alone: -Ddblock.crash.state=" + campaign.id(point) + "\n"
                + image(point);
        return new Failed(text, failure);
    }

    /** Says which acknowledgement does not hold: the first without which the state is as it should be. */
    private String broken(CrashPoint point) {
        if (point.acknowledged() == 0) {
            return "Nothing had been acknowledged.";
        }
        if (campaign.verdict(point.at(point.requests(), 0)) != null) {
            return "The check fails whatever was acknowledged.";
        }
        int holds = 0;
        int breaks = point.acknowledged();
        while (breaks - holds > 1) {
            int middle = (holds + breaks) / 2;
            if (campaign.verdict(point.at(point.requests(), middle)) == null) {
                holds = middle;
            } else {
                breaks = middle;
            }
        }
        List<Object> acknowledged = campaign.acknowledged(point);
        return "The acknowledgement that does not hold: " + acknowledged.get(breaks - 1) + " (number " + breaks + " of "
                + acknowledged.size() + ")";
    }

    private String image(CrashPoint point) {
        String name =
                "crash-" + campaign.disk().name() + "-" + campaign.id(point).replaceAll("[^0-9a-f.]+", "-");
        Path file = images.resolve((name.length() > 80 ? name.substring(0, 80) : name) + ".img");
        try {
            Files.createDirectories(images);
            campaign.save(point, file);
            return "Its content: " + file.toAbsolutePath() + "\n  mount -o loop " + file.toAbsolutePath() + " /mnt";
        } catch (IOException | RuntimeException e) {
            return "Its content could not be written to " + file.toAbsolutePath() + ": " + e;
        }
    }

    private void tellProgress(State state) {
        long now = System.nanoTime();
        if (now - progress < PROGRESS.toNanos()) {
            return;
        }
        progress = now;
        Duration elapsed = Duration.ofNanos(now - start);
        System.err.println(String.format(
                Locale.ROOT,
                "junit-dblock: crash test on %s: %d states checked, %d the same as one before, %d a minute; now %s, after"
                        + " %d of %d requests; %d s of at most %d s",
                campaign.disk().name(),
                checked,
                states.repeated(),
                checked * 60_000 / Math.max(1, elapsed.toMillis()),
                state.family().text,
                state.point().requests(),
                campaign.log().size(),
                elapsed.toSeconds(),
                within.toSeconds()));
    }

    /** Returns the numbers so far. The first call after the time is over counts what is left. */
    public Counts counts() {
        Duration elapsed = Duration.ofNanos(System.nanoTime() - start);
        if (left < 0) {
            left = next == null ? 0 : 1;
            long end = System.nanoTime() + COUNT.toNanos();
            while (states.hasNext()) {
                if (System.nanoTime() > end) {
                    leftIsMore = true;
                    break;
                }
                next = states.next();
                left++;
            }
            next = null;
        }
        return new Counts(
                campaign.log().size(),
                campaign.log().acknowledgements(),
                states.moments(),
                campaign.log().blockSize(),
                states.possible(),
                checked,
                states.repeated(),
                sampled,
                failed,
                left,
                leftIsMore,
                elapsed);
    }

    @Override
    public void close() {
        campaign.close();
    }
}
