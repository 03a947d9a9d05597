// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.times;

import io.dblock.Placement;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a disk's life costs, for a gate: a program for where the module can be loaded. The life of our disk takes turns with
 * the same tools on brd, and making ours with making ublk's. What can be counted is counted, too: that hardly depends on what
 * else the machine does. System properties:
 *
 * <ul>
 *   <li>{@code bench.rounds}: how many, by default 60
 *   <li>{@code bench.results}: the file to write: a figure a line, its key, a tab, its value
 * </ul>
 */
public final class LifeBenchmark {
    /** Compilers and pages of memory that is used again settle by then. */
    private static final int WARM_UPS = 20;

    private static final String OURS = "ours";
    private static final String BRD = "brd";
    private static final String UBLK = "ublk";

    private final Map<String, List<Double>> samples = new LinkedHashMap<>();
    private boolean counts;

    private LifeBenchmark() {}

    /** Measures, and ends the process with status 0 if all could be. */
    public static void main(String[] args) throws Exception {
        Path file = Path.of(System.getProperty("bench.results")).toAbsolutePath();
        LifeBenchmark benchmark = new LifeBenchmark();
        benchmark.run(Integer.getInteger("bench.rounds", 60));
        Files.write(file, benchmark.figures());
        benchmark.print();
    }

    private void run(int rounds) throws Exception {
        try (DiskLife life = new DiskLife();
                Peer ublk = Peer.ublk()) {
            SteppedPeer ours = Peer.dblock(Placement.SERVER_PROCESS);
            for (int round = -WARM_UPS; round < rounds; round++) {
                counts = round >= 0;
                double mine = life(OURS, () -> life.ours((name, step) -> step.run()));
                double theirs = life(BRD, () -> life.brd((name, step) -> step.run()));
                add("life, ours to brd, percent", 100 * mine / theirs);
                double made = millis(ours.lap());
                double madeByUblk = millis(ublk.lap());
                add("made and destroyed, ms, " + OURS, made);
                add("made and destroyed, ms, " + UBLK, madeByUblk);
                add("made and destroyed, ours to ublk, percent", 100 * made / madeByUblk);
            }
        }
    }

    /** Returns how many milliseconds it took. */
    private double life(String whose, DiskLife.Step step) throws Exception {
        Map<String, Long> before = counters();
        long start = System.nanoTime();
        step.run();
        double millis = (System.nanoTime() - start) / 1e6;
        Map<String, Long> after = counters();
        add("life, ms, " + whose, millis);
        before.forEach((name, value) -> add("life, " + name + ", " + whose, (double) (after.get(name) - value)));
        return millis;
    }

    private static double millis(Peer.Lap lap) {
        return (lap.created() + lap.destroyed()) / 1e6;
    }

    private void add(String what, double value) {
        if (counts) {
            samples.computeIfAbsent(what, key -> new ArrayList<>()).add(value);
        }
    }

    /** What the whole system has counted. */
    private static Map<String, Long> counters() throws IOException {
        return Map.of(
                "switches", counter("/proc/stat", "ctxt"),
                "programs", counter("/proc/stat", "processes"),
                "faults", counter("/proc/vmstat", "pgfault"));
    }

    private static long counter(String file, String name) throws IOException {
        return Files.readAllLines(Path.of(file)).stream()
                .filter(line -> line.startsWith(name + " "))
                .map(line -> Long.parseLong(line.substring(name.length() + 1)))
                .findFirst()
                .orElseThrow(() -> new IOException(file + " has no " + name));
    }

    private List<String> figures() {
        Map<String, Double> figures = new LinkedHashMap<>();
        figures.put("time-in-percent-of-brd", median("life, ours to brd, percent"));
        for (String counter : List.of("switches", "programs", "faults")) {
            figures.put(counter, median("life, " + counter + ", " + OURS));
        }
        return figures.entrySet().stream()
                .map(figure -> figure.getKey() + "\t" + figure.getValue())
                .toList();
    }

    private double median(String what) {
        List<Double> sorted = sorted(what);
        return sorted.get(sorted.size() / 2);
    }

    private List<Double> sorted(String what) {
        return samples.get(what).stream().sorted().toList();
    }

    private void print() {
        System.out.printf("  %d MiB, ext4: median, and between which the middle half lies%n", Peer.MIB);
        for (String what : samples.keySet()) {
            List<Double> sorted = sorted(what);
            System.out.printf(
                    "  %-48s %9.2f (%.2f to %.2f)%n",
                    what, median(what), sorted.get(sorted.size() / 4), sorted.get(sorted.size() * 3 / 4));
        }
    }
}
