// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import java.time.Duration;

/** How rules write durations and counts. */
final class Durations {
    private Durations() {}

    /** In the largest of s, ms, µs and ns that it is a whole number of. */
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

    /** {@code 1 sector}, {@code 2 sectors}. */
    static String count(long n, String unit) {
        return n + " " + unit + (n == 1 ? "" : "s");
    }
}
