// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import io.dblock.it.support.Commands;
import io.dblock.it.support.Poll;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A machine that is short of memory: huge pages that nobody uses take most of it, and a process needs more than the rest, which
 * only a swap area can give. Nothing is taken for good, and what the process needs beyond the rest has room in the swap area, so
 * that the kernel has nobody to kill.
 */
final class ShortMemory implements AutoCloseable {

    private static final Path HUGE_PAGES = Path.of("/proc/sys/vm/nr_hugepages");
    /** What is left for the process and for all others. */
    private static final long REST = 160L << 20;
    /** What the process needs beyond the rest, its own JVM not counted. */
    private static final long BEYOND = 80L << 20;

    private final Path swapArea;
    private final String hugePages;
    private final Path errors;
    private Process hog;
    private final AtomicInteger passes = new AtomicInteger();
    /** What the machine had swapped out before. */
    private final long swappedBefore;

    private ShortMemory(Path swapArea, String hugePages, Path errors, long swappedBefore) {
        this.swapArea = swapArea;
        this.hugePages = hugePages;
        this.errors = errors;
        this.swappedBefore = swappedBefore;
    }

    /**
     * Begins.
     *
     * @param swapArea a block device of at least 192 MiB whose blocks have all been written
     */
    static ShortMemory begin(Path swapArea) throws IOException {
        Kernel.lockMemory();
        Commands.run("mkswap", swapArea);
        Commands.run("swapon", swapArea);
        ShortMemory memory = new ShortMemory(
                swapArea, Files.readString(HUGE_PAGES).strip(), Files.createTempFile("hog", ".err"), swappedOut());
        boolean done = false;
        try {
            memory.takeHugePages();
            memory.startHog(meminfo("MemAvailable") + BEYOND);
            done = true;
            return memory;
        } finally {
            if (!done) {
                memory.close();
            }
        }
    }

    private void takeHugePages() throws IOException {
        long pages = (meminfo("MemAvailable") - REST) / meminfo("Hugepagesize");
        Files.writeString(HUGE_PAGES, Long.toString(Long.parseLong(hugePages) + Math.max(0, pages)));
    }

    private void startHog(long bytes) throws IOException {
        hog = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx16m",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-XX:MaxDirectMemorySize=" + 2 * bytes,
                        "-cp",
                        VictimClassPath.placeOf(Hog.class).toString(),
                        Hog.class.getName(),
                        Long.toString(bytes))
                .redirectError(errors.toFile())
                .start();
        Thread reader = new Thread(this::count, "hog's passes");
        reader.setDaemon(true);
        reader.start();
    }

    private void count() {
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(hog.getInputStream(), StandardCharsets.UTF_8))) {
            while (lines.readLine() != null) {
                passes.incrementAndGet();
            }
        } catch (IOException e) {
            // It has been ended.
        }
    }

    /** Waits until so much has been swapped out, and the process has been through its memory so often. */
    void awaitUse(long bytesSwapped, int times) throws IOException {
        try {
            Poll.until("a process to go " + times + " times through more memory than there is", Round.BOUND, () -> {
                if (!hog.isAlive()) {
                    throw new AssertionError(
                            "The process ended with status " + hog.exitValue() + ":\n" + Files.readString(errors));
                }
                return passes.get() >= times && swappedOut() - swappedBefore >= bytesSwapped;
            });
        } catch (AssertionError e) {
            throw new AssertionError(
                    e.getMessage() + ". It has been through it " + passes + " times; swapped out were "
                            + (swappedOut() - swappedBefore) + " bytes, " + meminfo("SwapFree") + " are free of "
                            + meminfo("SwapTotal") + ". It waits here:\n" + Machine.kernelStacks(hog.pid()),
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
        Files.writeString(HUGE_PAGES, hugePages);
        Commands.run("swapoff", swapArea);
        Kernel.unlockMemory();
        Files.deleteIfExists(errors);
    }
}
