// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import io.dblock.BlockDevice;
import io.dblock.internal.crash.Campaign.Recovered;
import io.dblock.internal.crash.CrashStates.Family;
import io.dblock.internal.crash.CrashStates.State;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * Checks the states of a workload one by one, and then those of their recoveries, until there are no more or the time is over.
 * The first one that fails is made simpler and explained.
 */
public final class CrashSearch implements Search {
    private static final Duration SHRINK = Duration.ofSeconds(30);
    private static final Duration PROGRESS = Duration.ofSeconds(10);
    /** How long the states that are left are counted. */
    private static final Duration COUNT = Duration.ofSeconds(1);

    private final Campaign campaign;
    private final CrashSettings settings;
    private final Path images;
    private final long start = System.nanoTime();
    /** The states of the workload. */
    private final CrashStates states;
    /** What is gone through, the innermost first. */
    private final ArrayDeque<Level> levels = new ArrayDeque<>();
    /** The contents that have been tried, with how much was acknowledged. */
    private final Set<CrashStates.Key> tried = new HashSet<>();

    private final List<Failed> failures = new ArrayList<>();

    private long progress = start;
    private Next next;
    private long checked;
    private long pruned;
    private long repeated;
    private long sampled;
    private long recoveries;
    private long inRecovery;
    /** How many states were not checked because nobody wanted it. */
    private long unwanted;

    private long left = -1;
    private boolean leftIsMore;
    /** How many states of the workload there are to try; -1 if that has not been counted. */
    private long toTry = -1;

    /**
     * States that are gone through.
     *
     * @param recovers whether they have been checked, and their recovery is to be recorded now
     */
    private record Level(Campaign campaign, CrashStates states, boolean recovers) {}

    /** A state to check. */
    private record Next(Campaign campaign, State state) {}

    /**
     * How many states there were.
     *
     * @param requests that changed the disk or made its content durable
     * @param atomic how many bytes the disk wrote at once
     * @param possible how many states a cut can leave; about
     * @param checked how many were checked, each with other content or other acknowledgements
     * @param repeated how many were not checked because they had the same content and acknowledgements as one before
     * @param pruned how many were not checked because they only differed from one that passed in what nothing had read
     * @param sampled how many of those checked were chosen at random
     * @param recoveries of how many states the recovery was recorded
     * @param inRecovery how many of those checked are of a cut during a recovery
     * @param failures those that failed
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
            long pruned,
            long sampled,
            long recoveries,
            long inRecovery,
            List<Failed> failures,
            long left,
            boolean leftIsMore,
            Duration elapsed) {}

    private CrashSearch(Campaign campaign, CrashSettings settings, Path images) {
        this.campaign = campaign;
        this.settings = settings;
        this.images = images;
        states = campaign.states();
        levels.push(new Level(campaign, states, false));
    }

    /**
     * Runs a workload and records it.
     *
     * @param images the directory for images of failed states
     * @throws AssertionError if the workload fails
     */
    public static CrashSearch of(BlockDevice disk, CrashSettings settings, Work work, Check check, Path images) {
        Campaign campaign = Campaign.record(disk, settings, work, check);
        boolean done = false;
        try {
            CrashSearch search = new CrashSearch(campaign, settings, images);
            done = true;
            return search;
        } finally {
            if (!done) {
                campaign.close();
            }
        }
    }

    @Override
    public Optional<String> next() {
        while (next == null && !levels.isEmpty() && isTimeLeft()) {
            Level level = levels.peek();
            if (!level.states().hasNext()) {
                end(level);
            } else if (level.recovers()) {
                recover(level, level.states().next());
            } else {
                offer(level, level.states().next());
            }
        }
        return Optional.ofNullable(next)
                .map(now -> now.campaign().id(now.state().point()) + " "
                        + now.campaign().describe(now.state().point()));
    }

    private boolean isTimeLeft() {
        return System.nanoTime() - start < settings.within().toNanos();
    }

    /** There are no more states of a level. The recoveries of the workload's states come when all these are checked. */
    private void end(Level level) {
        levels.pop();
        repeated += level.recovers() ? 0 : level.states().repeated();
        if (level.campaign() != campaign) {
            level.campaign().close();
        } else if (!level.recovers() && settings.recoveries() > 0) {
            levels.push(new Level(campaign, campaign.states(), true));
        }
    }

    private void offer(Level level, State state) {
        Campaign of = level.campaign();
        CrashPoint point = state.point();
        if (!tried.add(new CrashStates.Key(
                of.identity(state.hash()), of.acknowledged(point).size()))) {
            repeated++;
        } else if (of.isKnownToPass(point)) {
            pruned++;
        } else {
            next = new Next(of, state);
        }
    }

    private void recover(Level level, State state) {
        Campaign of = level.campaign();
        if (of.verdict(state.point()) != null) {
            return; // This has been reported.
        }
        recoveries++;
        Recovered recovered = of.recover(state.point());
        if (recovered.failure() != null) {
            next = new Next(of, state);
        }
        open(recovered);
        tellProgress(of, state);
    }

    private void open(Recovered recovered) {
        recovered.writes().ifPresent(writes -> levels.push(new Level(writes, writes.states(), false)));
    }

    @Override
    public void leave() {
        next = null;
        unwanted++;
    }

    @Override
    public Optional<Failed> check() {
        Campaign of = next.campaign();
        State state = next.state();
        next = null;
        checked++;
        sampled += state.family() == Family.SAMPLE ? 1 : 0;
        inRecovery += of == campaign ? 0 : 1;
        Throwable failure = of != campaign && levels.size() <= settings.recoveries()
                ? recoverNow(of, state)
                : of.checkNow(state.point());
        if (failure == null) {
            tellProgress(of, state);
            return Optional.empty();
        }
        return failed(failures.isEmpty() ? explain(of, state.point(), failure) : brief(of, state.point(), failure));
    }

    private Optional<Failed> failed(Failed failed) {
        failures.add(failed);
        return Optional.of(failed);
    }

    private Throwable recoverNow(Campaign of, State state) {
        recoveries++;
        Recovered recovered = of.recover(state.point());
        open(recovered);
        return recovered.failure();
    }

    @Override
    public Optional<Failed> check(String id) {
        List<String> parts = List.of(id.strip().split("\\+", -1));
        Campaign at = campaign;
        for (String part : parts.subList(0, parts.size() - 1)) {
            CrashPoint point = at.parse(part);
            Recovered recovered = at.recover(point);
            open(recovered);
            if (recovered.failure() != null) {
                return checkedAlone(at, point, recovered.failure());
            }
            at = recovered
                    .writes()
                    .orElseThrow(() -> new IllegalArgumentException(
                            "The state is \"" + id + "\", but this time nothing is written while the state " + part
                                    + " recovers. It has to do the same each time."));
        }
        CrashPoint point = at.parse(parts.get(parts.size() - 1));
        if (id.contains("~") && !at.id(point).equals(id.strip())) {
            System.err.println("junit-dblock: the workload has not written the same as when the crash state " + id
                    + " failed, so this is another one: " + at.id(point));
        }
        return checkedAlone(at, point, at.verdict(point));
    }

    private Optional<Failed> checkedAlone(Campaign of, CrashPoint point, Throwable failure) {
        checked++;
        if (failure == null) {
            return Optional.empty();
        }
        return failed(explanation(of, point, failure, "\n"));
    }

    private Failed brief(Campaign of, CrashPoint point, Throwable failure) {
        return failed(
                of,
                point,
                "The state " + of.describe(point)
                        + " failed, too. Only the first one that failed is explained.\n\n"
                        + Explanation.cause(failure) + "\n\nThis state alone: -Ddblock.crash.state="
                        + of.id(point),
                failure);
    }

    private static Failed failed(Campaign of, CrashPoint point, String text, Throwable cause) {
        int lost = point.blocksLost(of.replayTo(point).unflushed()).size();
        return new Failed(of.id(point), lost, text, cause);
    }

    private Failed explain(Campaign of, CrashPoint failing, Throwable failure) {
        long end = System.nanoTime() + SHRINK.toNanos();
        Shrinker shrinker =
                new Shrinker(of.log(), point -> of.verdict(point) != null, () -> System.nanoTime() - end < 0);
        CrashPoint simplest = shrinker.shrink(failing);
        Throwable cause = of.verdict(simplest);
        String how = simplest.equals(failing)
                ? " (state " + checked + ")\n"
                : "\n(found as state " + checked + ", " + of.describe(failing) + "; made simpler in " + shrinker.steps()
                        + " steps)\n";
        return cause == null ? explanation(of, failing, failure, how) : explanation(of, simplest, cause, how);
    }

    private Failed explanation(Campaign of, CrashPoint point, Throwable failure, String how) {
        Explanation explanation = new Explanation(of, point);
        String text = "A power cut breaks it: " + of.describe(point) + how + "\n"
                + Explanation.cause(failure) + "\n\n"
                + broken(of, point) + "\n\n"
                + before(of)
                + "What the cut loses:\n" + explanation.losses() + "\n\n"
                + "What happened:\n" + explanation.timeline() + "\n\n"
                + "This state alone: -Ddblock.crash.state=" + of.id(point) + "\n"
                + image(of, point);
        return failed(of, point, text, failure);
    }

    /** Says what the cuts before this one lost, if it came while a state recovered. */
    private static String before(Campaign of) {
        return of.before() == null
                ? ""
                : before(of.before()) + "What the cut before it lost:\n"
                        + new Explanation(of.before(), of.from()).losses() + "\n\n";
    }

    /** Says which acknowledgement does not hold: the first without which the state is as it should be. */
    private static String broken(Campaign of, CrashPoint point) {
        if (of.before() != null) {
            return "It passes if the recovery is not cut. What had been acknowledged: " + of.acknowledged(point);
        }
        if (point.acknowledged() == 0) {
            return "Nothing had been acknowledged.";
        }
        if (of.verdict(point.at(point.requests(), 0)) != null) {
            return "The check fails whatever was acknowledged.";
        }
        int holds = 0;
        int breaks = point.acknowledged();
        while (breaks - holds > 1) {
            int middle = (holds + breaks) / 2;
            if (of.verdict(point.at(point.requests(), middle)) == null) {
                holds = middle;
            } else {
                breaks = middle;
            }
        }
        List<Object> acknowledged = of.acknowledged(point);
        return "The acknowledgement that does not hold: " + acknowledged.get(breaks - 1) + " (number " + breaks + " of "
                + acknowledged.size() + ")";
    }

    private String image(Campaign of, CrashPoint point) {
        String name = "crash-" + campaign.disk().name() + "-" + of.id(point).replaceAll("[^0-9a-f.]+", "-");
        String base = name.length() > 80 ? name.substring(0, 80) : name;
        Path file = images.resolve(base + ".img");
        try {
            Files.createDirectories(images);
            of.save(point, file);
            return "Its content: " + file.toAbsolutePath() + "\n  mount -o loop " + file.toAbsolutePath() + " /mnt"
                    + picture(of, point, base);
        } catch (IOException | RuntimeException e) {
            return "Its content could not be written to " + file.toAbsolutePath() + ": " + e;
        }
    }

    /** Of the workload alone: the journal of a recovery is gone with the next state. */
    private String picture(Campaign of, CrashPoint point, String base) {
        if (of.before() != null) {
            return "";
        }
        Path file = images.resolve(base + ".svg");
        try {
            Files.writeString(file, of.picture(point, campaign.disk().name() + ", " + of.describe(point)));
            return "\nA picture: " + file.toAbsolutePath();
        } catch (IOException | RuntimeException e) {
            return "\nA picture could not be written to " + file.toAbsolutePath() + ": " + e;
        }
    }

    private void tellProgress(Campaign of, State state) {
        long now = System.nanoTime();
        if (now - progress < PROGRESS.toNanos()) {
            return;
        }
        progress = now;
        Duration elapsed = Duration.ofNanos(now - start);
        System.err.println(String.format(
                Locale.ROOT,
                "junit-dblock: crash test on %s: %d states checked, %d pruned, %d the same as one before, %s; %d a minute; now"
                        + " %s%s, after %d of %d requests; %d s of at most %d s",
                campaign.disk().name(),
                checked,
                pruned,
                repeatedSoFar(),
                remaining(),
                checked * 60_000 / Math.max(1, elapsed.toMillis()),
                of == campaign && !levels.peek().recovers() ? "" : "cuts during recovery, ",
                state.family().text,
                state.point().requests(),
                of.log().size(),
                elapsed.toSeconds(),
                settings.within().toSeconds()));
    }

    /** Says how many states of the workload are left. */
    private String remaining() {
        if (levels.peekLast().recovers()) {
            return "none of the workload's left";
        }
        if (toTry < 0) {
            toTry = countUpTo(campaign.states());
        }
        boolean more = toTry == Long.MAX_VALUE;
        return more ? "many left" : Math.max(0, toTry - checked - pruned) + " left";
    }

    /** Returns how many states follow; {@link Long#MAX_VALUE} if it takes too long to count them. */
    private static long countUpTo(CrashStates states) {
        long end = System.nanoTime() + COUNT.toNanos();
        long count = 0;
        while (states.hasNext()) {
            if (System.nanoTime() - end > 0) {
                return Long.MAX_VALUE;
            }
            states.next();
            count++;
        }
        return count;
    }

    private long repeatedSoFar() {
        return repeated
                + levels.stream()
                        .filter(level -> !level.recovers())
                        .mapToLong(level -> level.states().repeated())
                        .sum();
    }

    /** Returns the numbers so far. The first call after the time is over counts what is left. */
    public Counts counts() {
        Duration elapsed = Duration.ofNanos(System.nanoTime() - start);
        long same = repeatedSoFar();
        if (left < 0) {
            countLeft();
        }
        return new Counts(
                campaign.log().size(),
                campaign.log().acknowledgements(),
                states.moments(),
                campaign.log().blockSize(),
                states.possible(),
                checked,
                same,
                pruned,
                sampled,
                recoveries,
                inRecovery,
                List.copyOf(failures),
                left,
                leftIsMore,
                elapsed);
    }

    private void countLeft() {
        left = unwanted + (next == null ? 0 : 1);
        next = null;
        for (Level level : levels) {
            if (level.recovers()) {
                leftIsMore |= level.states().hasNext(); // Nobody knows how many there are of each.
                continue;
            }
            long count = countUpTo(level.states());
            leftIsMore |= count == Long.MAX_VALUE || (level.campaign() == campaign && settings.recoveries() > 0);
            left += count == Long.MAX_VALUE ? 1 : count;
        }
    }

    @Override
    public void close() {
        try {
            for (Level level : levels) {
                if (level.campaign() != campaign) {
                    level.campaign().close();
                }
            }
        } finally {
            campaign.close();
        }
    }
}
