// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The file with the figures that a gate allows: lines of a kernel's release, a Java version, a key and a number. Other
 * kernels and JVMs have other numbers.
 */
final class RecordedFigures {

    private final Path file;
    private final String prefix;

    RecordedFigures(Path file, String kernel) {
        this.file = file;
        this.prefix = kernel + " java" + Runtime.version().feature() + " ";
    }

    /**
     * Compares, and with {@code -Ddblock.bench.record=true} first records anew.
     *
     * @param percent by how much a figure may have grown
     * @return what has grown by more, a line each
     */
    List<String> grown(Map<String, Double> measured, double percent) throws IOException {
        if (Boolean.getBoolean("dblock.bench.record")) {
            replace(measured);
        }
        List<String> grown = new ArrayList<>();
        for (Map.Entry<String, Double> figure : measured.entrySet()) {
            double before = of(figure.getKey())
                    .orElseThrow(() -> new AssertionError("No figure for " + prefix + figure.getKey() + " in " + file
                            + ": record it with -Ddblock.bench.record=true"));
            if (figure.getValue() > before * (1 + percent / 100)) {
                grown.add(String.format(
                        "%s: %.0f, %.1f %% more than the %.0f recorded",
                        figure.getKey(), figure.getValue(), (figure.getValue() / before - 1) * 100, before));
            }
        }
        return grown;
    }

    private Optional<Double> of(String key) throws IOException {
        String start = prefix + key + " ";
        return Files.readAllLines(file).stream()
                .filter(line -> line.startsWith(start))
                .map(line -> Double.valueOf(line.substring(start.length())))
                .findFirst();
    }

    /** In place of those for the same kernel and Java version. */
    private void replace(Map<String, Double> figures) throws IOException {
        List<String> lines = new ArrayList<>(Files.readAllLines(file));
        lines.removeIf(line -> line.startsWith(prefix));
        figures.forEach((key, value) -> lines.add(prefix + key + " " + Math.round(value)));
        Files.write(file, lines);
    }
}
