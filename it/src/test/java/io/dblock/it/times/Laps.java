// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.times;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Times of the same steps in several rounds. */
final class Laps {
    private final Map<String, List<Long>> nanos = new LinkedHashMap<>();

    void add(String step, long time) {
        nanos.computeIfAbsent(step, key -> new ArrayList<>()).add(time);
    }

    /** In milliseconds. */
    double median(String step) {
        return sorted(step).get(sorted(step).size() / 2) / 1e6;
    }

    /** The median and the spread, in milliseconds. */
    String text(String step) {
        List<Long> all = sorted(step);
        return String.format("%8.2f (%.2f to %.2f)", median(step), all.get(0) / 1e6, all.get(all.size() - 1) / 1e6);
    }

    private List<Long> sorted(String step) {
        return nanos.get(step).stream().sorted().toList();
    }
}
