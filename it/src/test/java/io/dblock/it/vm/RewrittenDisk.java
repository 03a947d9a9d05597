// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import io.dblock.BlockDevice;
import java.util.ArrayList;
import java.util.List;

/** A program that reads a disk, and then has three processes write to it at random, each in a third of it. */
final class RewrittenDisk {

    private static final int PROCESSES = 3;

    private RewrittenDisk() {}

    /** Ends with status 0 once so many MiB of a disk of so many MiB are written, if these are the two arguments. */
    public static void main(String[] args) throws Exception {
        long part = Long.parseLong(args[0]) / PROCESSES;
        long written = Long.parseLong(args[1]) / PROCESSES;
        int status;
        try (BlockDevice disk =
                BlockDevice.builder().size((part * PROCESSES) << 20).create()) {
            status = run("dd", "if=" + disk.path(), "of=/dev/null", "bs=1M", "iflag=direct", "count=" + args[1]);
            List<String> command = new ArrayList<>(List.of("fio", "--name=rewrite", "--filename=" + disk.path()));
            command.addAll(List.of("--rw=randwrite", "--bs=4k", "--direct=1", "--minimal", "--numjobs=" + PROCESSES));
            command.addAll(List.of("--size=" + part + "m", "--offset_increment=" + part + "m"));
            command.add("--io_size=" + written + "m");
            status |= run(command.toArray(String[]::new));
            System.out.println("wrote " + (disk.statistics().bytesWritten() >> 20) + " MiB");
        }
        System.exit(status);
    }

    private static int run(String... command) throws Exception {
        return new ProcessBuilder(command).inheritIO().start().waitFor();
    }
}
