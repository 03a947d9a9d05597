// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import java.time.Duration;

/** Formats durations and counts for the texts of rules. */
final class Durations {
    private Durations() {}

    /** Returns the duration as a whole number of the largest possible unit of s, ms, µs and ns. */
    static String format(Duration duration) {
        long nanos = duration.toNanos();
        String[] units = {"ns", "µs", "ms", "s"};
        int unit = 0;
        while (unit < units.length - 1 && nanos != 0 && nanos % 1000 == 0) {
            nanos /= 1000;
            unit++;
        }
        return nanos + " " + units[unit];
    }

    /** Returns {@code 1 sector}, {@code 2 sectors} and so on. */
    static String count(long n, String unit) {
        return n + " " + unit + (n == 1 ? "" : "s");
    }
}
