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
 * The file with the instructions that a request may take: lines of a kernel's release, a Java version, a column and a
 * number. Other kernels and JVMs take other numbers.
 */
final class RecordedInstructions {

    private final Path file;
    private final String prefix;

    RecordedInstructions(Path file, String kernel) {
        this.file = file;
        this.prefix = kernel + " java" + Runtime.version().feature() + " ";
    }

    Optional<Double> of(Column column) throws IOException {
        String start = prefix + column.key() + " ";
        return Files.readAllLines(file).stream()
                .filter(line -> line.startsWith(start))
                .map(line -> Double.valueOf(line.substring(start.length())))
                .findFirst();
    }

    /** In place of those for the same kernel and Java version. */
    void replace(Map<Column, Double> instructions) throws IOException {
        List<String> lines = new ArrayList<>(Files.readAllLines(file));
        lines.removeIf(line -> line.startsWith(prefix));
        instructions.forEach((column, value) -> lines.add(prefix + column.key() + " " + Math.round(value)));
        Files.write(file, lines);
    }
}
