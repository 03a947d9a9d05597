// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.it.support.Commands;
import io.dblock.it.support.LauncherCommand;
import io.dblock.vm.VmOptions;
import io.dblock.vm.VmSetup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The two guests there are without KVM beside each other, in turns: User Mode Linux, and QEMU's emulation. The table is the result. */
class GuestsIT {

    private static final List<String> KERNELS = List.of("uml", "6.12");
    private static final int ROUNDS = Integer.getInteger("dblock.bench.guest.rounds", 3);
    private static final Path SCRIPT = Path.of("src/bench/guest.sh").toAbsolutePath();
    private static final Path TABLE = Path.of("target/bench/guests.txt").toAbsolutePath();
    private static final String FROM_OUTSIDE = "a guest that does nothing, from outside";

    /** What was measured, in milliseconds or IOPS: by what it is, then by kernel. */
    private final Map<String, Map<String, List<Double>>> samples = new LinkedHashMap<>();

    private void add(String what, String kernel, double value) {
        samples.computeIfAbsent(what, key -> new LinkedHashMap<>())
                .computeIfAbsent(kernel, key -> new ArrayList<>())
                .add(value);
    }

    private static String run(String kernel, String... command) {
        return Commands.run(LauncherCommand.inGuest(kernel, List.of(command)).toArray());
    }

    @Test
    void theGuestsAreMeasuredBesideEachOther() throws Exception {
        for (String kernel : KERNELS) {
            VmSetup.module(VmOptions.defaults().withKernel(kernel), System.err::println);
        }
        for (int round = 0; round < ROUNDS; round++) {
            for (String kernel : KERNELS) {
                long start = System.nanoTime();
                run(kernel, "true");
                add(FROM_OUTSIDE, kernel, (System.nanoTime() - start) / 1e6);
                for (String line : run(
                                kernel,
                                SCRIPT.toString(),
                                LauncherCommand.java(),
                                System.getProperty("java.class.path"))
                        .lines()
                        .filter(line -> line.contains("\t"))
                        .toList()) {
                    String[] fields = line.split("\t", -1);
                    add(fields[0], kernel, Double.parseDouble(fields[1]));
                }
                Path fio = Guest.run(
                        Guest.Mode.CLOCK,
                        kernel,
                        Map.of("devices", "dblock-sample", "rounds", "1"),
                        Duration.ofMinutes(30));
                for (String line : Files.readAllLines(fio)) {
                    String[] fields = line.split("\t", -1);
                    if (!line.startsWith("#")) {
                        add("fio on the C sample, IOPS: " + fields[2], kernel, Double.parseDouble(fields[3]));
                    }
                }
            }
        }
        String table = table();
        Files.writeString(TABLE, table);
        System.out.print(table);
        assertThat(samples.values()).allSatisfy(one -> assertThat(one.values())
                .hasSize(KERNELS.size())
                .allSatisfy(rounds -> assertThat(rounds).hasSize(ROUNDS)));
    }

    private String table() {
        StringBuilder text = new StringBuilder(String.format("%-45s", "ms unless IOPS, " + ROUNDS + " rounds"));
        KERNELS.forEach(kernel -> text.append(String.format(" %26s", kernel)));
        text.append(String.format(" %26s%n", KERNELS.get(1) + " / " + KERNELS.get(0)));
        samples.forEach((what, kernels) -> {
            text.append(String.format("%-45s", what));
            KERNELS.forEach(kernel -> text.append(Results.cell(kernels.getOrDefault(kernel, List.of()), "%.0f")));
            List<Double> one = kernels.getOrDefault(KERNELS.get(0), List.of());
            List<Double> other = kernels.getOrDefault(KERNELS.get(1), List.of());
            List<Double> ratios = new ArrayList<>();
            for (int i = 0; i < Math.min(one.size(), other.size()); i++) {
                ratios.add(other.get(i) / one.get(i));
            }
            text.append(Results.cell(ratios, "%.2f")).append(System.lineSeparator());
        });
        return text.toString();
    }
}
