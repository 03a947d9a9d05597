// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A request to a disk in memory takes no more instructions than it did, on this kernel and this version of Java. */
class InstructionsIT {

    private static final Path RECORDED = Path.of("src/bench/instructions.txt");
    private static final double PERCENT = 5;

    @Test
    void aRequestTakesNoMoreInstructionsThanRecorded() throws Exception {
        Results results = Results.read(Guest.run(
                Guest.Mode.INSTRUCTIONS,
                Map.of(
                        "devices", "dblock",
                        "columns", "read-4k,write-4k,read-4k-qd32,write-4k-qd32,read-256k,write-256k",
                        "rounds", "5"),
                Duration.ofMinutes(60)));
        Map<String, Double> measured = new LinkedHashMap<>();
        results.least(Kind.DBLOCK).forEach((column, value) -> measured.put(column.key(), value));
        assertThat(new RecordedFigures(RECORDED, Guest.KERNEL).grown(measured, PERCENT))
                .as(
                        "instructions per request, over %.0f %% more than %s says; -Ddblock.bench.record=true records anew",
                        PERCENT, RECORDED)
                .isEmpty();
    }
}
