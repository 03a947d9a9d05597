// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import io.dblock.it.support.ClassPath;
import io.dblock.it.support.Commands;
import io.dblock.it.support.Poll;
import io.dblock.it.support.RamDisk;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A machine that is short of memory: a RAM disk of the kernel's takes most of it, and a process takes more than the rest, which
 * only a swap area can give. Nothing is taken for good, and the process takes no more than the swap area has room for, so that
 * the kernel has nobody to kill.
 */
final class ShortMemory implements AutoCloseable {

    /** What is left for the process and for all others. */
    private static final long REST = 160L << 20;
    /** What the process takes to begin with: so little that there is enough for all. */
    private static final int FIRST_PIECES = 16;
    /** What of the swap area stays free. */
    private static final long ROOM = 48L << 20;

    private final Path swapArea;
    private final Path errors;
    /** What the machine had swapped out before, in bytes. */
    private final long swappedBefore;

    private RamDisk ramDisk;
    private Process hog;
    private BufferedWriter orders;
    private int asked;
    private final AtomicInteger done = new AtomicInteger();

    private ShortMemory(Path swapArea, Path errors, long swappedBefore) {
        this.swapArea = swapArea;
        this.errors = errors;
        this.swappedBefore = swappedBefore;
    }

    /**
     * Begins.
     *
     * @param swapArea a block device whose blocks have all been written
     */
    static ShortMemory begin(Path swapArea) throws IOException {
        Kernel.lockMemory();
        Commands.run("mkswap", swapArea);
        Commands.run("swapon", swapArea);
        ShortMemory memory = new ShortMemory(swapArea, Files.createTempFile("hog", ".err"), swappedOut());
        boolean begun = false;
        try {
            memory.fillRamDisk();
            memory.startHog();
            begun = true;
            return memory;
        } finally {
            if (!begun) {
                memory.close();
            }
        }
    }

    private void fillRamDisk() throws IOException {
        long mib = Math.max(1, (meminfo("MemAvailable") - REST) >> 20);
        ramDisk = RamDisk.load(1, mib << 10);
        // Past the page cache, which would take as much once more.
        Commands.run(
                "dd", "if=/dev/zero", "of=" + ramDisk.node(0), "bs=1M", "count=" + mib, "oflag=direct", "status=none");
    }

    private void startHog() throws IOException {
        hog = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx16m",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-XX:MaxDirectMemorySize=4g",
                        "-cp",
                        ClassPath.placeOf(Hog.class).toString(),
                        Hog.class.getName(),
                        Integer.toString(FIRST_PIECES))
                .redirectError(errors.toFile())
                .start();
        orders = new BufferedWriter(new OutputStreamWriter(hog.getOutputStream(), StandardCharsets.UTF_8));
        Thread reader = new Thread(this::count, "hog's answers");
        reader.setDaemon(true);
        reader.start();
    }

    private void count() {
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(hog.getInputStream(), StandardCharsets.UTF_8))) {
            while (lines.readLine() != null) {
                done.incrementAndGet();
            }
        } catch (IOException e) {
            // It has been ended.
        }
    }

    /**
     * Has the process take more and more until so much has been swapped out, and then go through all that it has a few times:
     * what is not there has to come back, and something else to go.
     */
    void use(long bytesSwapped, int times) throws IOException {
        while (swappedOut() - swappedBefore < bytesSwapped) {
            if (meminfo("SwapFree") < ROOM) {
                throw new AssertionError("No more than " + (swappedOut() - swappedBefore)
                        + " bytes were swapped out, and the swap area is full.");
            }
            order(Hog.MORE);
        }
        for (int i = 0; i < times; i++) {
            order(Hog.AGAIN);
        }
    }

    private void order(String order) throws IOException {
        asked++;
        orders.write(order + "\n");
        orders.flush();
        try {
            Poll.until("a process to go through the memory that it has", Round.BOUND, () -> {
                if (!hog.isAlive()) {
                    throw new AssertionError(
                            "The process ended with status " + hog.exitValue() + ":\n" + Files.readString(errors));
                }
                return done.get() == asked;
            });
        } catch (AssertionError e) {
            throw new AssertionError(
                    e.getMessage() + ". It has done that " + done + " times; swapped out were "
                            + (swappedOut() - swappedBefore) + " bytes, of the swap area are free "
                            + meminfo("SwapFree") + " of " + meminfo("SwapTotal") + ". It waits here:\n"
                            + Machine.kernelStacks(hog.pid()),
                    e);
        }
    }

    private static long swappedOut() throws IOException {
        return field(Path.of("/proc/vmstat"), "pswpout ") * 4096;
    }

    private static long meminfo(String name) throws IOException {
        return field(Path.of("/proc/meminfo"), name + ":") * 1024;
    }

    private static long field(Path file, String name) throws IOException {
        List<String> lines = Files.readAllLines(file);
        return lines.stream()
                .filter(line -> line.startsWith(name))
                .mapToLong(line -> Long.parseLong(
                        line.substring(name.length()).replace("kB", "").strip()))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no " + name + " in " + lines));
    }

    @Override
    public void close() throws IOException {
        if (hog != null) {
            hog.destroyForcibly();
            try {
                hog.waitFor(Round.BOUND.toMillis(), TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        // First: it is what there is room with for all that comes back.
        if (ramDisk != null) {
            ramDisk.close();
        }
        Commands.run("swapoff", swapArea);
        Kernel.unlockMemory();
        Files.deleteIfExists(errors);
    }
}
