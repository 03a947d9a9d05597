// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.scale;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Placement;
import io.dblock.it.support.Poll;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Many devices at once, most of them idle: they work, and cost little. */
class ThousandDevicesIT {
    /** What an idle JVM may start and end meanwhile: compilers, JUnit, the dispatcher, threads about to end. */
    private static final int SPARE_THREADS = 12;

    private static final int BLOCK = 4096;
    /**
     * {@code -Ddblock.scale.devices}: how many with a server process, and a third of it in the
     * test's JVM. As many as that take minutes under emulation, so every build makes fewer of them.
     */
    private static final int DEVICES = Integer.getInteger("dblock.scale.devices", 100);

    private final Map<String, long[]> table = new LinkedHashMap<>();

    @ParameterizedTest
    @CsvSource({"SERVER_PROCESS, 1", "TEST_JVM, 3"})
    void idleDevicesHaveNoThreadsOfTheirOwn(Placement placement, int divisor) throws Exception {
        int count = DEVICES / divisor;
        long seed = System.nanoTime();
        Random random = new Random(seed);
        System.out.printf("  %d devices, %s, seed %d%n", count, placement, seed);
        List<BlockDevice> devices = new ArrayList<>();
        try (Closer all = new Closer(devices)) {
            // What the first one loads and starts is not the others' cost.
            devices.add(create(placement));
            writeAndRead(devices.get(0), random);
            measure(0);
            long start = System.nanoTime();
            while (devices.size() <= count) {
                devices.add(create(placement));
            }
            System.out.printf("  created in %.1f ms each%n", (System.nanoTime() - start) / 1e6 / count);
            awaitFewThreads("after their creation");
            measure(1);
            print(count);
            for (int i = 0; i < 100; i++) {
                writeAndRead(devices.get(random.nextInt(devices.size())), random);
            }
            awaitFewThreads("after I/O on some");
            for (BlockDevice device : devices) {
                assertThat(device.handlerFailures()).as("seed %d", seed).isEmpty();
            }
            all.announce();
        }
        for (BlockDevice device : devices) {
            assertThat(device.path()).doesNotExist();
        }
    }

    /** Closes all, whatever becomes of the first. */
    private record Closer(List<BlockDevice> devices) implements AutoCloseable {
        void announce() {
            System.out.printf("  destroying %d devices%n", devices.size());
        }

        @Override
        public void close() {
            long start = System.nanoTime();
            RuntimeException failure = null;
            for (BlockDevice device : devices) {
                try {
                    device.close();
                } catch (RuntimeException e) {
                    failure = failure == null ? e : failure;
                }
            }
            System.out.printf("  destroyed in %.1f ms each%n", (System.nanoTime() - start) / 1e6 / devices.size());
            if (failure != null) {
                throw failure;
            }
        }
    }

    private static BlockDevice create(Placement placement) {
        return BlockDevice.builder().size("16MiB").placement(placement).create();
    }

    private static void writeAndRead(BlockDevice device, Random random) throws IOException {
        byte[] data = new byte[BLOCK];
        random.nextBytes(data);
        long offset = random.nextInt((16 << 20) / BLOCK) * (long) BLOCK;
        try (FileChannel channel = FileChannel.open(device.path(), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(data), offset);
            channel.force(false);
        }
        assertThat(device.statistics().bytesWritten())
                .as("bytes written to %s", device.name())
                .isPositive();
        device.dropCaches();
        ByteBuffer read = ByteBuffer.allocate(BLOCK);
        try (FileChannel channel = FileChannel.open(device.path(), StandardOpenOption.READ)) {
            channel.read(read, offset);
        }
        assertThat(read.array()).isEqualTo(data);
    }

    private void awaitFewThreads(String when) throws Exception {
        long allowed = table.get("threads of the test's JVM")[0] + SPARE_THREADS;
        Poll.until("no more than " + allowed + " threads " + when, Duration.ofMinutes(1), () -> processes().stream()
                .allMatch(process -> threads(process) <= allowed));
    }

    /** This JVM and the server's. */
    private static List<ProcessHandle> processes() {
        List<ProcessHandle> processes = new ArrayList<>();
        processes.add(ProcessHandle.current());
        ProcessHandle.current().children().forEach(processes::add);
        return processes;
    }

    private void measure(int column) throws Exception {
        for (int i = 0; i < 3; i++) {
            System.gc();
            Thread.sleep(100);
        }
        Runtime runtime = Runtime.getRuntime();
        put("heap of the test's JVM, in bytes", column, runtime.totalMemory() - runtime.freeMemory());
        for (ProcessHandle process : processes()) {
            String whose = process.equals(ProcessHandle.current()) ? "the test's JVM" : "the server";
            put("threads of " + whose, column, threads(process));
            put("memory of " + whose + ", in bytes", column, status(process, "RssAnon:") << 10);
        }
        put("kernel: slab, in bytes", column, meminfo("Slab:"));
        put("kernel: per CPU, in bytes", column, meminfo("Percpu:"));
        put("kernel: stacks and page tables, in bytes", column, meminfo("KernelStack:") + meminfo("PageTables:"));
        put("kernel: all that is not free, cached or of processes, in bytes", column, used());
    }

    private void put(String what, int column, long value) {
        table.computeIfAbsent(what, key -> new long[2])[column] = value;
    }

    private void print(int count) {
        System.out.printf("  %-62s %12s %12s %12s%n", "", "one device", count + " more", "per device");
        table.forEach((what, values) -> System.out.printf(
                "  %-62s %,12d %,12d %,12.1f%n", what, values[0], values[1], (values[1] - values[0]) / (double) count));
    }

    private static long threads(ProcessHandle process) {
        return status(process, "Threads:");
    }

    private static long status(ProcessHandle process, String key) {
        try {
            return number(Path.of("/proc/" + process.pid() + "/status"), key);
        } catch (IOException e) {
            return 0; // It has just ended.
        }
    }

    private static long meminfo(String key) throws IOException {
        return number(Path.of("/proc/meminfo"), key) << 10;
    }

    private static long used() throws IOException {
        return meminfo("MemTotal:")
                - meminfo("MemFree:")
                - meminfo("Buffers:")
                - meminfo("Cached:")
                - meminfo("AnonPages:");
    }

    private static long number(Path file, String key) throws IOException {
        return Files.readAllLines(file).stream()
                .filter(line -> line.startsWith(key))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                .findFirst()
                .orElse(0);
    }
}
