// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A request to a disk in memory takes no more instructions than it did, on this kernel and this version of Java. */
class InstructionsIT {

    private static final Path RECORDED = Path.of("src/bench/instructions.txt");
    private static final double MOST = 1.05;

    @Test
    void aRequestTakesNoMoreInstructionsThanRecorded() throws Exception {
        Results results = Results.read(Guest.run(
                Guest.Mode.INSTRUCTIONS,
                Map.of(
                        "devices", "dblock",
                        "columns", "read-4k,write-4k,read-4k-qd32,write-4k-qd32,read-256k,write-256k",
                        "rounds", "3"),
                Duration.ofMinutes(60)));
        RecordedInstructions recorded = new RecordedInstructions(RECORDED, Guest.KERNEL);
        Map<Column, Double> measured = results.least(Kind.DBLOCK);
        if (Boolean.getBoolean("dblock.bench.record")) {
            recorded.replace(measured);
        }
        List<String> grown = new ArrayList<>();
        for (Map.Entry<Column, Double> entry : measured.entrySet()) {
            Column column = entry.getKey();
            double before = recorded.of(column)
                    .orElseThrow(() -> new AssertionError("No figure for kernel " + Guest.KERNEL + ", Java "
                            + Runtime.version().feature() + ", " + column.key() + " in " + RECORDED
                            + ": record it with -Ddblock.bench.record=true"));
            if (entry.getValue() > before * MOST) {
                grown.add(String.format(
                        "%s: %.0f instructions per request, %.1f %% more than the %.0f recorded",
                        column.title(), entry.getValue(), (entry.getValue() / before - 1) * 100, before));
            }
        }
        assertThat(grown)
                .as("columns that take over 5 %% more than %s says; -Ddblock.bench.record=true records anew", RECORDED)
                .isEmpty();
    }
}
