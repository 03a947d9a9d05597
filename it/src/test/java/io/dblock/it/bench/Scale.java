// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.bench;

import io.dblock.BlockDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * What our devices do in all when one has more queues, and when there are more of them: a program for where the module can
 * be loaded, see {@link Benchmark}. A kernel gives a device no more queues than there are processors.
 */
public final class Scale {

    private static final List<Integer> QUEUES = List.of(1, 2, 4, 8);
    private static final List<Integer> DEVICES = List.of(1, 2, 4, 8, 16, 32, 64);
    private static final int MIB = 64;
    private static final int SECONDS = 2;
    /** What asks a device with several queues. */
    private static final int JOBS = 8;

    /** What is measured: so many devices with so many queues each, and jobs for each. */
    private record Setting(int devices, int queues, int jobs) {
        @Override
        public String toString() {
            return String.format("devices %d, queues %d, jobs %d", devices, queues, jobs);
        }
    }

    private final Map<Setting, Map<Column, List<Double>>> values = new LinkedHashMap<>();

    private Scale() {
        QUEUES.forEach(queues -> values.put(new Setting(1, queues, JOBS), new LinkedHashMap<>()));
        DEVICES.forEach(devices -> values.put(new Setting(devices, 1, 1), new LinkedHashMap<>()));
    }

    /** Measures, and ends the process with status 0 if all could be. */
    public static void main(String[] args) throws IOException {
        Path file = Path.of(System.getProperty("bench.results")).toAbsolutePath();
        new Scale().run(Integer.getInteger("bench.rounds", 5), file);
    }

    private void run(int rounds, Path file) throws IOException {
        Random random = new Random(5);
        // The first round has the compilers see it all.
        for (int round = 0; round <= rounds; round++) {
            List<Setting> order = new ArrayList<>(values.keySet());
            Collections.shuffle(order, random);
            for (Setting setting : order) {
                measure(round, setting);
            }
            write(file);
        }
        String table = table();
        Files.writeString(Path.of(file + ".txt"), table);
        System.out.print(table);
    }

    private void measure(int round, Setting setting) {
        List<BlockDevice> devices = new ArrayList<>();
        try {
            List<Path> nodes = new ArrayList<>();
            for (int i = 0; i < setting.devices(); i++) {
                BlockDevice device = BlockDevice.builder()
                        .size(MIB + "MiB")
                        .queues(setting.queues())
                        .create();
                devices.add(device);
                nodes.add(device.path());
            }
            for (Column column : List.of(Column.READ_4K_QD32, Column.WRITE_4K_QD32)) {
                double value =
                        Fio.seconds(nodes, MIB, column, setting.jobs(), SECONDS).perSecond();
                System.out.printf(
                        "  round %d, %s, %s: %.0f requests per second%n", round, setting, column.title(), value);
                System.out.flush();
                if (round > 0) {
                    values.get(setting)
                            .computeIfAbsent(column, key -> new ArrayList<>())
                            .add(value);
                }
            }
        } finally {
            devices.forEach(BlockDevice::close);
        }
    }

    private void write(Path file) throws IOException {
        List<String> lines = new ArrayList<>(List.of("# device\tcolumn\trequests per second, round by round"));
        values.forEach((setting, columns) ->
                columns.forEach((column, all) -> lines.add(setting + "\t" + column.key() + "\t" + all)));
        Files.write(file, lines);
    }

    private String table() {
        StringBuilder text = new StringBuilder("Requests per second in all: median (smallest-largest of the rounds)\n");
        values.forEach((setting, columns) -> {
            text.append(String.format("%-34s", setting));
            columns.forEach(
                    (column, all) -> text.append(String.format("  %s%s", column.title(), Results.cell(all, "%.0f"))));
            text.append('\n');
        });
        return text.toString();
    }
}
