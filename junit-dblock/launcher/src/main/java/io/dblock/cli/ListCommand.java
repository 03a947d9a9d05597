// SPDX-License-Identifier: Apache-2.0
package io.dblock.cli;

import io.dblock.ByteSize;
import io.dblock.internal.kernel.DeviceInfo;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Prints the existing devices. */
@Command(name = "list", description = "Print the devices there are: how often each is open, and the pid that made it.")
final class ListCommand implements Callable<Integer> {
    private final Machine machine;

    @Spec
    private CommandSpec spec;

    ListCommand(Machine machine) {
        this.machine = machine;
    }

    @Override
    public Integer call() {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("NAME", "SIZE", "STATE", "OPEN", "OWNER"));
        machine.devices().stream()
                .sorted(Comparator.comparing(DeviceInfo::name))
                .forEach(info -> rows.add(List.of(
                        info.name(),
                        ByteSize.format(info.parameters().size()),
                        info.state().name().toLowerCase(Locale.ROOT),
                        Integer.toString(info.openers()),
                        info.owner() == 0 ? "-" : Integer.toString(info.owner()))));
        PrintWriter out = spec.commandLine().getOut();
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder();
            for (int column = 0; column < row.size(); column++) {
                int width = width(rows, column);
                line.append(column == 0 ? "" : "  ").append(String.format("%-" + width + "s", row.get(column)));
            }
            out.println(line.toString().stripTrailing());
        }
        out.flush();
        return Main.OK;
    }

    private static int width(List<List<String>> rows, int column) {
        return rows.stream().mapToInt(row -> row.get(column).length()).max().orElseThrow();
    }
}
