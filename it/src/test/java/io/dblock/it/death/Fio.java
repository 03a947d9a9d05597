// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import io.dblock.it.support.Poll;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The load: one fio on all disks of a round, on the raw one asynchronously and past the page cache, on the filesystems
 * through it. A job ends with its first error.
 */
final class Fio implements AutoCloseable {

    /** Nothing should need it: a round ends its load long before. */
    private static final Duration RUNTIME = Duration.ofMinutes(5);

    /** What is done to the filesystems. The images of ext4 and XFS have 24 and 300 MiB. */
    enum Load {
        /** With fsync now and then. */
        SYNCING("16k", "6m", "6m", "--fsync=16"),
        /** Without: dirty pages are always there. */
        DIRTYING("16k", "6m", "6m", "--direct=0"),
        /** As much as there is room for. */
        HEAVY("256k", "14m", "96m", "--direct=0");

        private final String block;
        private final String ext4Size;
        private final String xfsSize;
        private final String more;

        Load(String block, String ext4Size, String xfsSize, String more) {
            this.block = block;
            this.ext4Size = ext4Size;
            this.xfsSize = xfsSize;
            this.more = more;
        }
    }

    private final Process process;
    private final Path output;

    private Fio(Process process, Path output) {
        this.process = process;
        this.output = output;
    }

    /** Starts it, and returns when all three jobs have done some I/O. */
    static Fio start(Disks disks, Load load, Duration bound) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                "fio",
                "--thread",
                "--fallocate=none",
                "--disk_util=0",
                "--gtod_reduce=1",
                "--randrepeat=0",
                "--time_based",
                "--runtime=" + RUNTIME.toSeconds(),
                "--name=raw",
                "--filename=" + disks.raw(),
                "--rw=randrw",
                "--bs=4k",
                "--size=8m",
                "--direct=1",
                "--ioengine=libaio",
                "--iodepth=8"));
        command.addAll(filesystemJob("ext4", disks.ext4Mount(), load, load.ext4Size));
        command.addAll(filesystemJob("xfs", disks.xfsMount(), load, load.xfsSize));
        Path output = Files.createTempFile("fio", ".out");
        long before = disks.requestsOfRaw();
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        Fio fio = new Fio(process, output);
        try {
            Poll.until("fio to work on all disks", bound, () -> {
                if (!process.isAlive()) {
                    throw new AssertionError("fio ended before anything happened to its disks:\n" + fio.said());
                }
                return disks.requestsOfRaw() > before && disks.filesHaveContent();
            });
            return fio;
        } catch (AssertionError e) {
            fio.close();
            throw e;
        }
    }

    private static List<String> filesystemJob(String name, Path mount, Load load, String size) {
        return List.of(
                "--name=" + name,
                "--filename=" + mount.resolve("fio"),
                "--rw=randwrite",
                "--bs=" + load.block,
                "--size=" + size,
                "--ioengine=psync",
                load.more);
    }

    /**
     * Waits until all its I/O has returned; how it ended.
     *
     * @return its exit status
     */
    int awaitEnd(Duration bound) throws IOException {
        Poll.until(
                "all I/O to return, that is fio (process " + process.pid() + ") to end",
                bound,
                () -> !process.isAlive());
        return process.exitValue();
    }

    boolean isRunning() {
        return process.isAlive();
    }

    /** Asks it to end once what is under way has returned. */
    void stop() {
        process.destroy();
    }

    long pid() {
        return process.pid();
    }

    String said() throws IOException {
        return Files.readString(output);
    }

    @Override
    public void close() throws IOException {
        process.destroyForcibly();
        try {
            process.waitFor(20, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        Files.deleteIfExists(output);
    }
}
