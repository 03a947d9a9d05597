// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.bench;

import io.dblock.BlockDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * What devices do in all when one has more queues, and when there are more of them: a program for where the module can be
 * loaded, see {@link Benchmark}. Its {@code bench.mode} is {@code queues} or {@code devices}. A kernel gives a device no more
 * queues than there are processors.
 */
public final class Scale {

    private static final List<Column> COLUMNS = List.of(Column.READ_4K_QD32, Column.WRITE_4K_QD32);
    /** Of each device. */
    private static final int MIB = 8;

    /** With fewer, the first requests of many devices count, each of which waits for a thread to come. */
    private static final int SECONDS = 4;
    /** Emulated processors in turns, and many devices: one of them may have to wait for long. */
    private static final Duration TIMEOUT = Duration.ofMinutes(5);
    /** So often one device is measured before all: the first fills of many are not to wait for the compilers. */
    private static final int WARM_UPS = 10;

    /** What grows, and whom it is measured beside. */
    private enum Series {
        /** The queues of one device, which eight jobs ask. */
        QUEUES(Kind.NULL_BLK) {
            @Override
            List<Setting> settings() {
                return List.of(
                        new Setting(1, 1, 1),
                        new Setting(1, 1, 8),
                        new Setting(1, 2, 8),
                        new Setting(1, 4, 8),
                        new Setting(1, 8, 8));
            }

            @Override
            Contender makeOther(Setting setting, Path programs) throws IOException {
                return Kind.nullBlk(MIB, setting.queues());
            }
        },
        /** The number of devices. */
        DEVICES(Kind.UBLK) {
            @Override
            List<Setting> settings() {
                return List.of(new Setting(1, 1, 1), new Setting(8, 1, 1), new Setting(64, 1, 1));
            }
        };

        private final Kind other;

        Series(Kind other) {
            this.other = other;
        }

        abstract List<Setting> settings();

        /** Makes one of the other kind, with the setting's queues. */
        Contender makeOther(Setting setting, Path programs) throws IOException {
            return other.make(MIB, programs);
        }
    }

    /** What is measured: so many devices with so many queues each, and jobs for each. */
    private record Setting(int devices, int queues, int jobs) {
        @Override
        public String toString() {
            return String.format("devices %d, queues %d, jobs %d", devices, queues, jobs);
        }
    }

    /** Requests per second, round by round. */
    private record Rounds(List<Double> ours, List<Double> theirs) {
        List<Double> ratios() {
            return IntStream.range(0, ours.size())
                    .mapToObj(round -> ours.get(round) / theirs.get(round))
                    .toList();
        }
    }

    private final Map<Setting, Map<Column, Rounds>> values = new LinkedHashMap<>();

    private final Series series;
    private final Path programs;

    private Scale(Series series, Path programs) {
        this.series = series;
        this.programs = programs;
        series.settings().forEach(setting -> values.put(setting, new EnumMap<>(Column.class)));
    }

    /** Measures, and ends the process with status 0 if all could be. */
    public static void main(String[] args) throws IOException {
        Series series = Series.valueOf(System.getProperty("bench.mode").toUpperCase(Locale.ROOT));
        Path programs = Path.of(System.getProperty("dblock.it.bench.programs")).toAbsolutePath();
        Path file = Path.of(System.getProperty("bench.results")).toAbsolutePath();
        new Scale(series, programs).run(Integer.getInteger("bench.rounds", 5), file);
    }

    private void run(int rounds, Path file) throws IOException {
        Random random = new Random(5);
        for (int i = 0; i < WARM_UPS; i++) {
            measure(true, new Setting(1, 1, 1));
        }
        // The first round has the compilers see it all.
        for (int round = 0; round <= rounds; round++) {
            List<Setting> order = new ArrayList<>(values.keySet());
            Collections.shuffle(order, random);
            for (Setting setting : order) {
                Map<Column, Double> ours = measure(true, setting);
                Map<Column, Double> theirs = measure(false, setting);
                for (Column column : COLUMNS) {
                    System.out.printf(
                            "  round %d, %s, %s: dblock %.0f, %s %.0f requests per second%n",
                            round, setting, column.title(), ours.get(column), series.other.key(), theirs.get(column));
                    System.out.flush();
                    if (round > 0) {
                        Rounds all = values.get(setting)
                                .computeIfAbsent(column, key -> new Rounds(new ArrayList<>(), new ArrayList<>()));
                        all.ours().add(ours.get(column));
                        all.theirs().add(theirs.get(column));
                    }
                }
            }
            write(file);
        }
        String table = table();
        Files.writeString(Path.of(file + ".txt"), table);
        System.out.print(table);
    }

    private Contender make(boolean ours, Setting setting) throws IOException {
        if (!ours) {
            return series.makeOther(setting, programs);
        }
        BlockDevice device = BlockDevice.builder()
                .size(MIB + "MiB")
                .queues(setting.queues())
                .requestTimeout(TIMEOUT)
                .create();
        return Contender.of(device.path(), device::close);
    }

    private Map<Column, Double> measure(boolean ours, Setting setting) throws IOException {
        List<Contender> devices = new ArrayList<>();
        try {
            for (int number = 0; number < setting.devices(); number++) {
                devices.add(make(ours, setting));
            }
            List<Path> nodes = devices.stream().map(Contender::node).toList();
            Fio.fill(nodes, MIB);
            Map<Column, Double> measured = new EnumMap<>(Column.class);
            for (Column column : COLUMNS) {
                measured.put(
                        column,
                        Fio.seconds(nodes, MIB, column, setting.jobs(), SECONDS).perSecond());
            }
            return measured;
        } finally {
            for (Contender device : devices) {
                device.close();
            }
        }
    }

    private void write(Path file) throws IOException {
        List<String> lines = new ArrayList<>(List.of(
                "# devices\tcolumn\tof dblock, round by round, in requests per second\tof " + series.other.key()));
        values.forEach((setting, columns) -> columns.forEach(
                (column, all) -> lines.add(setting + "\t" + column.key() + "\t" + all.ours() + "\t" + all.theirs())));
        Files.write(file, lines);
    }

    private String table() {
        StringBuilder text = new StringBuilder(
                "Requests per second of all devices together: median (smallest-largest of the rounds)\n");
        text.append(String.format("%-48s %26s %26s %26s%n", "", "dblock", series.other.key(), "dblock to it"));
        values.forEach(
                (setting, columns) -> columns.forEach((column, all) -> text.append(String.format("%-32s", setting))
                        .append(String.format("%-16s", column.title()))
                        .append(Results.cell(all.ours(), "%.0f"))
                        .append(Results.cell(all.theirs(), "%.0f"))
                        .append(Results.cell(all.ratios(), "%.2f"))
                        .append('\n')));
        return text.toString();
    }
}
