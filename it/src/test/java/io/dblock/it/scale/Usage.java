// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.scale;

import io.dblock.internal.remote.ServerProcess;
import io.dblock.it.support.Commands;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * What the test's JVM, its server process and the kernel hold on to right now, all garbage and all that is only cached left
 * out. In the units of {@link Measure}.
 */
final class Usage {
    /** What the block layer keeps for the next request of a CPU, and shrinking does not take: ALLOC_CACHE_MAX in block/bio.c. */
    private static final int BIOS_AT_HAND = 256;

    private static final Path PROC = Path.of("/proc");
    /** Of the block layer, of the filesystem, of sysfs, and what has no cache of its own. */
    private static final Pattern SLABS =
            Pattern.compile("(request_queue|blkdev_|bdev_|bio|biovec|ext4_|jbd2_|kernfs_|mnt_|dblock|kmalloc-).*");

    private final Map<Measure, Long> values = new LinkedHashMap<>();

    private Usage() {}

    /** What can grow, each with what it may grow by without being a leak. */
    record Measure(String name, String unit, long tolerance, double tolerancePerTest) {
        /** So much of it may have come in so many tests. */
        long tolerance(int tests) {
            return tolerance + Math.round(tolerancePerTest * tests);
        }
    }

    Map<Measure, Long> values() {
        return values;
    }

    /** Takes a few seconds: it collects garbage, and has the kernel drop its caches. */
    static Usage now() {
        Usage usage = new Usage();
        try {
            usage.machine();
            long test = ProcessHandle.current().pid();
            long server = ServerProcess.pid().orElseThrow(() -> new AssertionError("The server process has ended"));
            for (int i = 0; i < 3; i++) {
                // What a collection finds unused may keep something else that the next one finds.
                System.gc();
                Thread.sleep(50);
            }
            Runtime runtime = Runtime.getRuntime();
            usage.put("heap of the test's JVM", "KiB", 256, 2, (runtime.totalMemory() - runtime.freeMemory()) >> 10);
            usage.put("heap of the server", "KiB", 256, 2, liveHeap(server) >> 10);
            usage.process("the test's JVM", test);
            usage.process("the server", server);
            usage.kernel();
            return usage;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("Interrupted while measuring", e);
        }
    }

    private void put(String name, String unit, long tolerance, double tolerancePerTest, long value) {
        values.put(new Measure(name, unit, tolerance, tolerancePerTest), value);
    }

    private void machine() throws IOException {
        put("dblock disks", "", 0, 0, count(Path.of("/sys/block"), "dblock*"));
        put(
                "mounts",
                "",
                0,
                0,
                Files.readAllLines(PROC.resolve("self/mountinfo")).size());
    }

    private void process(String whose, long pid) throws IOException {
        Path process = PROC.resolve(Long.toString(pid));
        put("file descriptors of " + whose, "", 3, 0, count(process.resolve("fd"), "*"));
        // Pools end threads that have nothing to do, and start them.
        put("threads of " + whose, "", 8, 0, count(process.resolve("task"), "*"));
        // Most of it the heap's, which the JVM makes larger and smaller at will, and code compiled late.
        put("memory of " + whose + " (RSS)", "KiB", 24 << 10, 16, field(process.resolve("status"), "VmRSS:"));
    }

    private void kernel() throws IOException {
        Commands.run("sync");
        Files.writeString(PROC.resolve("sys/vm/drop_caches"), "3");
        try (DirectoryStream<Path> caches = Files.newDirectoryStream(Path.of("/sys/kernel/slab"))) {
            for (Path cache : caches) {
                // What a CPU keeps at hand would count as used.
                shrink(cache);
            }
        }
        Path memory = PROC.resolve("meminfo");
        put("kernel: slab", "KiB", 1024, 4, field(memory, "Slab:"));
        put("kernel: unreclaimable slab", "KiB", 512, 4, field(memory, "SUnreclaim:"));
        put("kernel: memory per CPU", "KiB", 128, 1, field(memory, "Percpu:"));
        for (String line : Files.readAllLines(PROC.resolve("slabinfo"))) {
            String[] words = line.split(" +", -1);
            if (SLABS.matcher(words[0]).matches()) {
                // All of the slab that a CPU takes from counts as used.
                long ofCpus = (Long.parseLong(words[4]) + (words[0].startsWith("bio-") ? BIOS_AT_HAND : 0))
                        * Runtime.getRuntime().availableProcessors();
                put("kernel: objects in " + words[0], "", ofCpus, 0.5, Long.parseLong(words[1]));
            }
        }
    }

    private static void shrink(Path cache) throws IOException {
        try {
            Files.writeString(cache.resolve("shrink"), "1");
        } catch (NoSuchFileException e) {
            // Its user is gone meanwhile, and it with it.
        }
    }

    /** In bytes, of another JVM, after a collection of its garbage. */
    private static long liveHeap(long pid) {
        String jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd").toString();
        List<String> lines =
                Commands.run(jcmd, pid, "GC.class_histogram").strip().lines().toList();
        String total = lines.get(lines.size() - 1);
        if (!total.startsWith("Total")) {
            throw new AssertionError("jcmd's class histogram ends with: " + total);
        }
        return Long.parseLong(total.split(" +", -1)[2]);
    }

    private static long count(Path directory, String glob) throws IOException {
        long count = 0;
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory, glob)) {
            for (Path ignored : entries) {
                count++;
            }
        }
        return count;
    }

    private static long field(Path file, String name) throws IOException {
        return Files.readAllLines(file).stream()
                .filter(line -> line.startsWith(name))
                .map(line -> Long.parseLong(line.substring(name.length()).replaceAll("[^0-9]", "")))
                .findFirst()
                .orElseThrow(() -> new AssertionError("No " + name + " in " + file));
    }
}
