// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.bench;

import io.dblock.it.support.Commands;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** One run of fio: direct I/O through libaio, at most five minutes. */
final class Fio {

    // Fields of fio's terse output, version 3: those of reads, and so many later those of writes.
    private static final int ERROR = 4;
    private static final int KIB = 5;
    private static final int RUNTIME_MS = 8;
    private static final int TO_WRITES = 41;

    private Fio() {}

    /**
     * What was done.
     *
     * @param requests of the column's block size
     * @param millis from the first to the last of them, start-up not included
     */
    record Result(long requests, long millis) {
        double perSecond() {
            return requests * 1000.0 / millis;
        }
    }

    /** So many requests, of all jobs together. */
    static Result requests(Path node, int mib, Column column, long requests) {
        return run(
                List.of(node),
                mib,
                column,
                column.jobs(),
                "--io_size=" + requests / column.jobs() * column.blockKib() + "k");
    }

    /** As many as it can for so long. */
    static Result seconds(Path node, int mib, Column column, int seconds) {
        return seconds(List.of(node), mib, column, column.jobs(), seconds);
    }

    /** The same of several devices together, with so many jobs for each. */
    static Result seconds(List<Path> nodes, int mib, Column column, int jobs, int seconds) {
        return run(nodes, mib, column, jobs, "--time_based", "--runtime=" + seconds);
    }

    /** Writes each sector once. */
    static void fill(List<Path> nodes, int mib) {
        run(nodes, mib, Column.WRITE_256K, 1, "--io_size=" + mib + "m");
    }

    private static Result run(List<Path> nodes, int mib, Column column, int jobs, String... amount) {
        List<String> command = new ArrayList<>(List.of(
                "fio",
                "--name=global",
                "--size=" + mib + "m",
                "--direct=1",
                "--ioengine=libaio",
                "--thread",
                "--rw=" + column.pattern(),
                "--bs=" + column.blockKib() + "k",
                "--iodepth=" + column.depth(),
                "--numjobs=" + jobs,
                "--group_reporting",
                "--norandommap",
                "--disk_util=0",
                "--output-format=terse",
                "--terse-version=3"));
        command.addAll(List.of(amount));
        for (Path node : nodes) {
            command.addAll(List.of("--name=" + node.getFileName(), "--filename=" + node));
        }
        return parse(Commands.run(command.toArray()), column);
    }

    static Result parse(String output, Column column) {
        String[] fields = output.lines()
                .filter(line -> line.startsWith("3;"))
                .findFirst()
                .orElseThrow(() -> new AssertionError("fio printed no result:\n" + output))
                .split(";", -1);
        int from = column.pattern().contains("write") ? TO_WRITES : 0;
        long requests = Long.parseLong(fields[from + KIB]) / column.blockKib();
        long millis = Long.parseLong(fields[from + RUNTIME_MS]);
        if (!fields[ERROR].equals("0") || requests == 0 || millis == 0) {
            throw new AssertionError("fio failed, or did too little to be measured:\n" + output);
        }
        return new Result(requests, millis);
    }
}
