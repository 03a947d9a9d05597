// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Results of tests as a table of Markdown in {@code it/target/results}. It is in parts, since tests run in several JVMs: each
 * file has one writer. A row takes the place of the one from an earlier run.
 *
 * @param header the first two lines
 */
public record ResultTable(Path file, List<String> header) {

    /** Returns the part of a table. */
    public static ResultTable of(String table, String part, String... columns) {
        return new ResultTable(
                Path.of("target", "results", table, part + ".md"),
                List.of(line(List.of(columns)), "|" + "---|".repeat(columns.length)));
    }

    private static String line(List<?> cells) {
        return cells.stream().map(String::valueOf).collect(Collectors.joining(" | ", "| ", " |"));
    }

    /** Puts a row, of which the first cell is the name. */
    public void put(Object... cells) {
        String row = line(List.of(cells));
        String name = "| " + cells[0] + " |";
        try {
            Files.createDirectories(file.getParent());
            List<String> old = Files.exists(file) ? Files.readAllLines(file) : List.of();
            List<String> rows =
                    new ArrayList<>(old.size() > header.size() ? old.subList(header.size(), old.size()) : List.of());
            int place = 0;
            while (place < rows.size() && !rows.get(place).startsWith(name)) {
                place++;
            }
            if (place == rows.size()) {
                rows.add(row);
            } else {
                rows.set(place, row);
            }
            Files.write(file, Stream.concat(header.stream(), rows.stream()).toList());
        } catch (IOException e) {
            throw new UncheckedIOException("The result could not be written to " + file + ".", e);
        }
    }
}
