// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.scale;

import io.dblock.it.scale.Usage.Measure;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/** What has come to be held between two moments, with some tests in between. */
final class Growth {
    /** What is freed a little later, by the kernel or by a pool, is no leak. */
    private static final int LOOKS = 5;

    private static final long BETWEEN_LOOKS_NANOS = 3_000_000_000L;

    private final Usage before;
    private final Usage after;
    private final int tests;

    private Growth(Usage before, Usage after, int tests) {
        this.before = before;
        this.after = after;
        this.tests = tests;
    }

    static Growth between(Usage before, Usage after, int tests) {
        return new Growth(before, after, tests);
    }

    /** Since then; looks again for a while if it seems to be too much. */
    static Growth since(Usage before, int tests) {
        Growth growth = between(before, Usage.now(), tests);
        for (int look = 1; look < LOOKS && !growth.leaks().isEmpty(); look++) {
            LockSupport.parkNanos(BETWEEN_LOOKS_NANOS);
            growth = between(before, Usage.now(), tests);
        }
        return growth;
    }

    /** Whatever has grown by more than it may, a line each. */
    List<String> leaks() {
        List<String> leaks = new ArrayList<>();
        after.values().forEach((measure, value) -> {
            long grown = value - before(measure, value);
            if (grown > measure.tolerance(tests)) {
                leaks.add(String.format(
                        "%s has grown by %d%s in %d tests, to %d; allowed are %d",
                        measure.name(),
                        grown,
                        measure.unit().isEmpty() ? "" : " " + measure.unit(),
                        tests,
                        value,
                        measure.tolerance(tests)));
            }
        });
        return leaks;
    }

    /** A slab cache that was not there before has nothing to be compared with. */
    private long before(Measure measure, long otherwise) {
        return before.values().getOrDefault(measure, otherwise);
    }

    /** A table, of the slab caches only those that have changed. */
    String table() {
        StringBuilder table = new StringBuilder(String.format(
                "  %-45s %-4s %10s %10s %10s %10s%n",
                "after " + tests + " tests", "", "before", "after", "growth", "allowed"));
        for (Map.Entry<Measure, Long> entry : after.values().entrySet()) {
            Measure measure = entry.getKey();
            long old = before(measure, entry.getValue());
            if (old != entry.getValue() || !measure.name().contains("objects in")) {
                table.append(String.format(
                        "  %-45s %-4s %10d %10d %10d %10d%n",
                        measure.name(),
                        measure.unit(),
                        old,
                        entry.getValue(),
                        entry.getValue() - old,
                        measure.tolerance(tests)));
            }
        }
        return table.toString();
    }
}
