// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;

/**
 * The benchmark itself, a program for where the module can be loaded: makes all devices, fills them, and has fio measure
 * each column of each in every round, in an order that changes. System properties, of which the first five have a
 * default:
 *
 * <ul>
 *   <li>{@code bench.devices}, {@code bench.columns}: which of {@link Kind} and {@link Column}, separated by commas
 *   <li>{@code bench.rounds}: how many; {@code bench.requests}: in each run by instructions
 *   <li>{@code bench.scheduler}: of all devices' I/O, or {@code default} for what each comes with
 *   <li>{@code bench.mode}: {@code clock}, or {@code instructions} where the clock counts those, see {@link Guest}
 *   <li>{@code dblock.it.bench.programs}: where the servers in C are
 *   <li>{@code bench.results}: the file to write; one with the tables is put beside it
 * </ul>
 */
public final class Benchmark {

    private static final int MIB = 64;
    /** By the clock: of each run. */
    private static final int SECONDS = 2;

    private static final String SCHEDULER = System.getProperty("bench.scheduler", "none");

    /** Of {@code -icount shift=1}. */
    private static final double NANOS_PER_INSTRUCTION = 2;

    /** By instructions: of each run with 4k, and a tenth of it with larger ones. */
    private static final int REQUESTS = Integer.getInteger("bench.requests", 4000);
    /** So much is done before one looks whether it still gets faster: compilers count thousands of calls. */
    private static final int WARM_UPS = 5;

    /** By the clock, of 4k: a Java server gets faster until about then. */
    private static final long WARM_UP_REQUESTS = 80_000;

    /** Of all columns, after each of them is warm. */
    private static final int WARM_UP_TURNS = 2;

    private static final int MOST_WARM_UPS = 30;
    /** The last three runs differ by no more. */
    private static final double STABLE = 0.015;

    private final boolean instructions;
    private final Results results = new Results();

    private Benchmark(boolean instructions) {
        this.instructions = instructions;
    }

    /** Measures what the properties say, and ends the process with status 0 if all could be. */
    public static void main(String[] args) throws IOException {
        String mode = System.getProperty("bench.mode", "clock");
        if (!List.of("clock", "instructions").contains(mode)) {
            throw new IllegalArgumentException("bench.mode=" + mode + ": allowed are clock and instructions");
        }
        Benchmark benchmark = new Benchmark(mode.equals("instructions"));
        benchmark.run(
                listed("bench.devices", Kind.values(), Kind::ofKey),
                listed("bench.columns", Column.values(), Column::ofKey),
                Integer.getInteger("bench.rounds", 5),
                Path.of(System.getProperty("dblock.it.bench.programs")).toAbsolutePath(),
                Path.of(System.getProperty("bench.results")).toAbsolutePath());
    }

    private static <T> List<T> listed(String property, T[] all, Function<String, T> parse) {
        String value = System.getProperty(property, "");
        return value.isBlank()
                ? Arrays.asList(all)
                : Arrays.stream(value.split(",", -1)).map(parse).toList();
    }

    private String unit() {
        return instructions
                ? "instructions per request, fio's own included (less is better)"
                : "requests per second (more is better)";
    }

    private void run(List<Kind> kinds, List<Column> columns, int rounds, Path programs, Path file) throws IOException {
        Map<Kind, Contender> contenders = new EnumMap<>(Kind.class);
        try {
            for (Kind kind : kinds) {
                Contender contender = kind.make(MIB, programs);
                contenders.put(kind, contender);
                say("%s: %s, scheduler %s", kind.key(), contender.node(), scheduler(contender.node()));
                Fio.fill(List.of(contender.node()), MIB);
            }
            for (Kind kind : kinds) {
                if (kind.warmsUp()) {
                    warmUp(kind, contenders.get(kind), columns);
                }
            }
            List<Kind> order = new ArrayList<>(kinds);
            Random random = new Random(5);
            for (int round = 1; round <= rounds; round++) {
                Collections.shuffle(order, random);
                for (Column column : columns) {
                    for (Kind kind : order) {
                        double value = value(run(contenders.get(kind), column));
                        results.add(round, kind, column, value);
                        say("round %d, %s, %s: %.0f %s", round, kind.key(), column.title(), value, unit());
                    }
                }
                results.write(file, unit());
            }
        } finally {
            close(contenders);
        }
        String tables = results.tables(unit(), List.of(Kind.UBLK, Kind.BRD));
        Files.writeString(Path.of(file + ".txt"), tables);
        System.out.print(tables);
    }

    private void warmUp(Kind kind, Contender contender, List<Column> columns) {
        for (Column column : columns) {
            warmUp(kind, contender, column);
        }
        // What one column leaves on the device is new to code that was compiled for another: it is compiled again.
        for (int turn = 0; turn < WARM_UP_TURNS; turn++) {
            for (Column column : columns) {
                run(contender, column);
            }
        }
    }

    private void warmUp(Kind kind, Contender contender, Column column) {
        List<Double> last = new ArrayList<>();
        long requests = 0;
        while (last.size() < WARM_UPS || !warm(last, requests, column)) {
            if (last.size() == MOST_WARM_UPS) {
                say(
                        "%s, %s: not warm after %d runs, %d requests: %s",
                        kind.key(), column.title(), last.size(), requests, last);
                return;
            }
            Fio.Result result = run(contender, column);
            requests += result.requests();
            last.add(value(result));
        }
        say(
                "%s, %s: warm after %d runs, %d requests: %s",
                kind.key(),
                column.title(),
                last.size(),
                requests,
                last.stream().map(value -> String.format("%.0f", value)).toList());
    }

    /** By instructions, when it does not get faster any more. By the clock nothing repeats so well: there it counts. */
    private boolean warm(List<Double> all, long requests, Column column) {
        if (!instructions) {
            return requests >= (column.blockKib() == 4 ? WARM_UP_REQUESTS : WARM_UP_REQUESTS / 10);
        }
        List<Double> last = all.subList(all.size() - 3, all.size());
        return Collections.max(last) <= Collections.min(last) * (1 + STABLE);
    }

    private Fio.Result run(Contender contender, Column column) {
        return instructions
                ? Fio.requests(contender.node(), MIB, column, requests(column))
                : Fio.seconds(contender.node(), MIB, column, SECONDS);
    }

    private double value(Fio.Result result) {
        return instructions ? result.millis() * 1e6 / NANOS_PER_INSTRUCTION / result.requests() : result.perSecond();
    }

    private static int requests(Column column) {
        return column.blockKib() == 4 ? REQUESTS : REQUESTS / 10;
    }

    /** The same for all, unless it is to be what each comes with: what one costs is not the driver's. */
    private static String scheduler(Path node) throws IOException {
        Path file = Path.of("/sys/block", node.getFileName().toString(), "queue/scheduler");
        if (!Files.exists(file)) {
            // brd has no queue of its own.
            return "none";
        }
        if (!SCHEDULER.equals("default")) {
            Files.writeString(file, SCHEDULER);
        }
        return Files.readString(file).strip();
    }

    private static void close(Map<Kind, Contender> contenders) throws IOException {
        for (Map.Entry<Kind, Contender> contender : contenders.entrySet()) {
            try {
                contender.getValue().close();
            } catch (IOException | RuntimeException | AssertionError e) {
                throw new IOException(
                        "Cannot remove the device of " + contender.getKey().key(), e);
            }
        }
    }

    private static void say(String format, Object... arguments) {
        System.out.printf("  " + format + "%n", arguments);
        System.out.flush();
    }
}
