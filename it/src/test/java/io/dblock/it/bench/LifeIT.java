// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A disk's life costs no more than it did, beside the same tools on brd, on this version of Java. */
class LifeIT {

    private static final Path RECORDED = Path.of("src/bench/life.txt");
    private static final double PERCENT = 10;

    @Test
    void aDisksLifeCostsNoMoreThanRecorded() throws Exception {
        Map<String, Double> measured = new LinkedHashMap<>();
        for (String line : Files.readAllLines(Guest.run(Guest.Mode.LIFE, Map.of(), Duration.ofMinutes(20)))) {
            String[] figure = line.split("\t", -1);
            measured.put(figure[0], Double.valueOf(figure[1]));
        }
        assertThat(new RecordedFigures(RECORDED, "uml").grown(measured, PERCENT))
                .as(
                        "figures of a disk's life, over %.0f %% more than %s says; -Ddblock.bench.record=true records anew",
                        PERCENT, RECORDED)
                .isEmpty();
    }
}
