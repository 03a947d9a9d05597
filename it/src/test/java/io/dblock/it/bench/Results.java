// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What was measured, round by round, and the tables of it. */
final class Results {

    /** One line of a file: tab-separated. */
    private record Sample(int round, Kind kind, Column column, double value) {

        String line() {
            return round + "\t" + kind.key() + "\t" + column.key() + "\t" + value;
        }

        static Sample of(String line) {
            String[] fields = line.split("\t", -1);
            return new Sample(
                    Integer.parseInt(fields[0]),
                    Kind.ofKey(fields[1]),
                    Column.ofKey(fields[2]),
                    Double.parseDouble(fields[3]));
        }
    }

    private final Map<Kind, Map<Column, TreeMap<Integer, Double>>> values = new EnumMap<>(Kind.class);
    private final List<Sample> samples = new ArrayList<>();

    void add(int round, Kind kind, Column column, double value) {
        add(new Sample(round, kind, column, value));
    }

    private void add(Sample sample) {
        samples.add(sample);
        values.computeIfAbsent(sample.kind, key -> new EnumMap<>(Column.class))
                .computeIfAbsent(sample.column, key -> new TreeMap<>())
                .put(sample.round, sample.value);
    }

    void write(Path file, String unit) throws IOException {
        List<String> lines = new ArrayList<>(List.of("# round\tdevice\tcolumn\t" + unit));
        samples.forEach(sample -> lines.add(sample.line()));
        Files.write(file, lines);
    }

    static Results read(Path file) throws IOException {
        Results results = new Results();
        Files.readAllLines(file).stream()
                .filter(line -> !line.startsWith("#"))
                .map(Sample::of)
                .forEach(results::add);
        return results;
    }

    boolean isEmpty() {
        return samples.isEmpty();
    }

    /** Of each column the least of the rounds: what comes on top of it is a compiler's or a collector's. */
    Map<Column, Double> least(Kind kind) {
        Map<Column, Double> least = new LinkedHashMap<>();
        values.getOrDefault(kind, Map.of())
                .forEach((column, rounds) -> least.put(column, Collections.min(rounds.values())));
        return least;
    }

    /** A table of the medians, and one of the ratios to each of these kinds that was measured. */
    String tables(String unit, List<Kind> references) {
        StringBuilder text = new StringBuilder();
        text.append("Median (smallest-largest of the rounds), ").append(unit).append('\n');
        header(text);
        values.forEach((kind, columns) -> {
            text.append(String.format("%-16s", kind.key()));
            for (Column column : columns()) {
                text.append(cell(columns.getOrDefault(column, new TreeMap<>()).values(), "%.0f"));
            }
            text.append('\n');
        });
        for (Kind reference : references) {
            if (values.containsKey(reference)) {
                ratios(text, reference);
            }
        }
        return text.toString();
    }

    private void ratios(StringBuilder text, Kind reference) {
        text.append('\n');
        text.append("The same as multiples of ").append(reference.key()).append(", round by round\n");
        header(text);
        for (Kind kind : values.keySet()) {
            text.append(String.format("%-16s", kind.key()));
            for (Column column : columns()) {
                Map<Integer, Double> base = values.get(reference).getOrDefault(column, new TreeMap<>());
                List<Double> all = new ArrayList<>();
                values.get(kind).getOrDefault(column, new TreeMap<>()).forEach((round, value) -> {
                    if (base.containsKey(round)) {
                        all.add(value / base.get(round));
                    }
                });
                text.append(cell(all, "%.2f"));
            }
            text.append('\n');
        }
    }

    private void header(StringBuilder text) {
        text.append(String.format("%-16s", ""));
        columns().forEach(column -> text.append(String.format(" %26s", column.title())));
        text.append('\n');
    }

    private List<Column> columns() {
        return values.values().stream()
                .flatMap(columns -> columns.keySet().stream())
                .distinct()
                .sorted()
                .toList();
    }

    /** Their median, and between which they lie. */
    static String cell(Collection<Double> all, String format) {
        if (all.isEmpty()) {
            return String.format(" %26s", "-");
        }
        List<Double> sorted = all.stream().sorted().toList();
        return String.format(
                " %26s",
                String.format(
                        format + " (" + format + "-" + format + ")",
                        median(all),
                        sorted.get(0),
                        sorted.get(sorted.size() - 1)));
    }

    private static double median(Collection<Double> all) {
        List<Double> sorted = all.stream().sorted().toList();
        int middle = sorted.size() / 2;
        return sorted.size() % 2 == 1 ? sorted.get(middle) : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
    }
}
