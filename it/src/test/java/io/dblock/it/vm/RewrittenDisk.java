// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import io.dblock.BlockDevice;
import java.util.ArrayList;
import java.util.List;

/** A program that has three processes rewrite a disk at random, each a third of it. */
final class RewrittenDisk {

    private static final int PROCESSES = 3;

    private RewrittenDisk() {}

    /** Ends with status 0 once all of the disk, of so many MiB, is written. */
    public static void main(String[] args) throws Exception {
        long mebibytes = Long.parseLong(args[0]);
        long part = mebibytes / PROCESSES;
        int status;
        try (BlockDevice disk =
                BlockDevice.builder().size((part * PROCESSES) << 20).create()) {
            List<String> command = new ArrayList<>(List.of("fio", "--name=rewrite", "--filename=" + disk.path()));
            command.addAll(List.of("--rw=randwrite", "--bs=4k", "--direct=1", "--minimal"));
            command.addAll(
                    List.of("--numjobs=" + PROCESSES, "--size=" + part + "m", "--offset_increment=" + part + "m"));
            status = new ProcessBuilder(command).inheritIO().start().waitFor();
            System.out.println("wrote " + disk.statistics().bytesWritten() + " bytes, status " + status);
        }
        System.exit(status);
    }
}
