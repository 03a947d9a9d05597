// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import com.google.errorprone.annotations.CheckReturnValue;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * How long requests are delayed: a distribution, given by some of its points. Delays between two points are
 * interpolated. Below the first point and above the last, the delay is that of the point.
 *
 * @param points at least one, in ascending order of percentage; the delay must not decrease
 */
@CheckReturnValue
public record Delay(List<Point> points) {
    private static final Duration MAX = Duration.ofHours(24);

    /**
     * A point of the distribution.
     *
     * @param percent the percentage of requests that are delayed no longer than this, 0 to 100
     * @param delay the delay, 0 to 24 h
     */
    public record Point(double percent, Duration delay) {
        /** Checks the ranges. */
        public Point {
            if (!(percent >= 0 && percent <= 100)) {
                throw new IllegalArgumentException("percent is " + percent + ". Allowed: 0 to 100.");
            }
            if (delay.isNegative() || delay.compareTo(MAX) > 0) {
                throw new IllegalArgumentException("delay is " + delay + ". Allowed: 0 to 24 h.");
            }
        }
    }

    /** Copies the points and checks their order. */
    public Delay {
        points = List.copyOf(points);
        if (points.isEmpty()) {
            throw new IllegalArgumentException("A delay has no points. Give it at least one, or use Delay.fixed(...).");
        }
        for (int i = 1; i < points.size(); i++) {
            Point before = points.get(i - 1);
            Point after = points.get(i);
            if (after.percent() <= before.percent() || after.delay().compareTo(before.delay()) < 0) {
                throw new IllegalArgumentException("The delay's points are " + points
                        + ". Allowed: each with a higher percentage and no shorter delay than the one before it.");
            }
        }
    }

    /** Returns the same delay for every request. */
    public static Delay fixed(Duration delay) {
        return new Delay(List.of(new Point(100, delay)));
    }

    /** Returns delays from {@code min} to {@code max}, all equally likely. */
    public static Delay uniform(Duration min, Duration max) {
        return new Delay(List.of(new Point(0, min), new Point(100, max)));
    }

    /** Returns delays by percentiles: {@code Map.of(50.0, ofMillis(1), 99.0, ofMillis(20), 100.0, ofMillis(500))}. */
    public static Delay percentiles(Map<Double, Duration> percentiles) {
        List<Point> points = new ArrayList<>();
        new TreeMap<>(percentiles).forEach((percent, delay) -> points.add(new Point(percent, delay)));
        return new Delay(points);
    }

    /**
     * Returns the delay at a place of the distribution.
     *
     * @param place the place, 0 to 1
     */
    public Duration at(double place) {
        double percent = place * 100;
        Point below = points.get(0);
        if (percent <= below.percent()) {
            return below.delay();
        }
        for (Point above : points.subList(1, points.size())) {
            if (percent <= above.percent()) {
                double share = (percent - below.percent()) / (above.percent() - below.percent());
                double span = above.delay().toNanos() - below.delay().toNanos();
                return below.delay().plusNanos((long) (share * span));
            }
            below = above;
        }
        return below.delay();
    }

    /** Returns a text such as {@code 10 ms}, {@code 1 ms to 5 ms} or {@code p50 1 ms, p99 20 ms}. */
    @Override
    public String toString() {
        if (points.size() == 1) {
            return Durations.format(points.get(0).delay());
        }
        if (points.size() == 2 && points.get(0).percent() == 0 && points.get(1).percent() == 100) {
            return Durations.format(points.get(0).delay()) + " to "
                    + Durations.format(points.get(1).delay());
        }
        return points.stream()
                .map(point -> "p" + percent(point.percent()) + " " + Durations.format(point.delay()))
                .collect(Collectors.joining(", "));
    }

    private static String percent(double percent) {
        return percent == Math.rint(percent) ? String.valueOf((long) percent) : String.valueOf(percent);
    }
}
