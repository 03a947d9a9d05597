// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.random.RandomGenerator;

/**
 * What of the table is run.
 *
 * @param rounds of each row; 0: as many as fit into {@code box}, at least one
 * @param box how long a row goes on if no number of rounds is given
 * @param seed of all that is chosen at random
 * @param only parts of the names of the rows to run; none: all
 */
record Deaths(int rounds, Duration box, long seed, List<String> only) {

    private static final Duration SAMPLE = Duration.ofSeconds(6);

    /** As the system properties {@code dblock.deaths.rounds}, {@code .seconds}, {@code .seed} and {@code .rows} say. */
    static Deaths asAsked() {
        String seed = System.getProperty("dblock.deaths.seed", "");
        String rows = System.getProperty("dblock.deaths.rows", "");
        return new Deaths(
                Integer.getInteger("dblock.deaths.rounds", 0),
                Duration.ofSeconds(Long.getLong("dblock.deaths.seconds", SAMPLE.toSeconds())),
                seed.isEmpty() ? RandomGenerator.getDefault().nextLong() & 0xffffffffL : Long.decode(seed),
                Arrays.stream(rows.split(",", -1))
                        .map(name -> name.strip().toLowerCase(Locale.ROOT))
                        .filter(name -> !name.isEmpty())
                        .toList());
    }

    boolean has(Row row) {
        return only.isEmpty()
                || only.stream()
                        .anyMatch(
                                part -> row.toString().toLowerCase(Locale.ROOT).contains(part));
    }

    /** Whether a row that has had so many rounds, for so long, has another. */
    boolean goesOn(int had, Duration spent) {
        return rounds > 0 ? had < rounds : had < 1 || spent.compareTo(box) < 0;
    }

    /** Many rounds: what makes each of them shorter is worth its preparation, and whoever waits is told of each. */
    boolean isLong() {
        return rounds >= 10;
    }

    /** As the options that repeat it. */
    @Override
    public String toString() {
        return "-Ddblock.deaths.seed=" + seed
                + (rounds > 0 ? " -Ddblock.deaths.rounds=" + rounds : " -Ddblock.deaths.seconds=" + box.toSeconds())
                + (only.isEmpty() ? "" : " -Ddblock.deaths.rows=\"" + String.join(",", only) + "\"");
    }
}
