// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import java.time.Duration;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;

/** What came of the rows. */
final class Table {

    private final Map<Row, Line> lines = new EnumMap<>(Row.class);

    private static final class Line {
        private int rounds;
        private int well;
        private int refused;
        private int unloaded;
        private Duration worst = Duration.ZERO;
        private Duration spent = Duration.ZERO;
    }

    private Line of(Row row) {
        return lines.computeIfAbsent(row, r -> new Line());
    }

    void begin(Row row) {
        of(row).rounds++;
    }

    void well(Row row, Round.Outcome outcome) {
        Line line = of(row);
        line.well++;
        line.refused += outcome.refused();
        line.unloaded += outcome.unloaded();
        if (outcome.lastError().compareTo(line.worst) > 0) {
            line.worst = outcome.lastError();
        }
    }

    void took(Row row, Duration spent) {
        of(row).spent = spent;
    }

    /** Rounds, how many went well, the longest time until the last error, unloads refused and done, seconds per round. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder(String.format(
                Locale.ROOT,
                "%-62s %7s %6s %14s %15s %8s%n",
                "death",
                "rounds",
                "ok",
                "last error s",
                "rmmod no/yes",
                "s/round"));
        lines.forEach((row, line) -> text.append(String.format(
                Locale.ROOT,
                "%-62s %7d %6d %14.1f %15s %8.1f%n",
                row,
                line.rounds,
                line.well,
                line.worst.toMillis() / 1000.0,
                line.refused + "/" + line.unloaded,
                line.spent.toMillis() / 1000.0 / line.rounds)));
        return text.toString();
    }
}
