// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * Watches how many mappings the host's processes behind a guest of User Mode Linux have: each run of pages that is contiguous
 * in the guest's memory is one. Where the host allows no more of them, that kernel does not notice: its program faults for ever
 * at full load, makes system calls it never made, or dies of a signal. So the host's limit is raised where that is allowed, and
 * otherwise the guest is to be ended before. Not safe for use by several threads.
 */
final class MappingWatch {

    /** What newer distributions have; even in pages of their own that is more than a guest usually has. */
    private static final long ENOUGH = 1 << 20;

    /**
     * Counting takes 13 ms for 40,000, so it is done no oftener than is safe: a program that does nothing else makes 80,000 in
     * a second, and it is to be seen twice before it gets there.
     */
    private static final double PER_SECOND = 160_000;

    /** A process that has as many pages as before has hardly more mappings. */
    private static final long UNCHANGED = Duration.ofSeconds(2).toNanos();

    private static final long SECOND = Duration.ofSeconds(1).toNanos();

    private final Path proc;
    private final long kernel;
    private final OptionalLong given;
    private final Consumer<String> messages;
    private final LongSupplier clock;
    private final Map<Long, Count> counts = new HashMap<>();
    private boolean mayRaise = true;
    private long lastCheck;
    private boolean checked;

    /** How many a process had, and when. */
    private record Count(long pages, long mappings, long when) {

        /** How long that can be relied on. */
        double validFor(long pagesNow, long limit) {
            return pagesNow == pages ? UNCHANGED : (limit - mappings) / PER_SECOND * SECOND;
        }
    }

    /**
     * A watch over a kernel's process and its children.
     *
     * @param kernel its process id
     * @param given a limit to take for the host's, which is not raised then
     */
    MappingWatch(long kernel, OptionalLong given, Consumer<String> messages) {
        this(Path.of("/proc"), kernel, given, messages, System::nanoTime);
    }

    MappingWatch(Path proc, long kernel, OptionalLong given, Consumer<String> messages, LongSupplier clock) {
        this.proc = proc;
        this.kernel = kernel;
        this.given = given;
        this.messages = messages;
        this.clock = clock;
    }

    /** Why the guest has to be ended now, with what to do about it; nothing if it may go on. To be called several times a second. */
    Optional<String> check() {
        try {
            long limit = given.isPresent() ? given.getAsLong() : number(maximum());
            long now = clock.getAsLong();
            List<Long> processes = processes();
            counts.keySet().retainAll(processes);
            for (long process : processes) {
                // A mapping has a page at least: this is the cheap way to see that there are few.
                long pages = pages(process);
                if (pages < limit / 2) {
                    counts.remove(process);
                    continue;
                }
                Count before = counts.get(process);
                if (before != null && now - before.when < before.validFor(pages, limit)) {
                    continue;
                }
                Count count = new Count(pages, mappings(process), now);
                counts.put(process, count);
                if (count.mappings >= limit / 2 && raise(limit, count.mappings)) {
                    return Optional.empty();
                }
                if (expected(before, count) >= limit * 0.97) {
                    return Optional.of(problem(count.mappings, limit));
                }
            }
            lastCheck = now;
            checked = true;
            return Optional.empty();
        } catch (IOException | NumberFormatException ignored) {
            // A process that has just ended, or a host that does not show this: the guest goes on as without a watch.
            return Optional.empty();
        }
    }

    /** How many there will be at the next check. */
    private double expected(Count before, Count count) {
        if (before == null || !checked || count.when == before.when) {
            return count.mappings;
        }
        double growth = (double) (count.mappings - before.mappings) / (count.when - before.when);
        return count.mappings + Math.max(0, growth * (count.when - lastCheck));
    }

    private static String problem(long mappings, long limit) {
        return "the guest was ended: one of its processes has " + mappings + " mappings of memory, this host allows "
                + limit + ", and at that it would hang or go wrong. Allow more with 'sudo sysctl -w vm.max_map_count="
                + ENOUGH + "'; or use a smaller disk, or " + VmSettings.ACCEL + "=tcg";
    }

    private Path maximum() {
        return proc.resolve("sys/vm/max_map_count");
    }

    private boolean raise(long limit, long mappings) {
        if (!mayRaise || given.isPresent() || limit >= ENOUGH) {
            return false;
        }
        mayRaise = false;
        try {
            Files.writeString(maximum(), Long.toString(ENOUGH));
            if (number(maximum()) < ENOUGH) {
                return false;
            }
        } catch (IOException | NumberFormatException e) {
            // Not root, or in a container: the usual case.
            return false;
        }
        messages.accept("raised this host's vm.max_map_count from " + limit + " to " + ENOUGH
                + ": a process of the guest has " + mappings + " mappings of memory already");
        return true;
    }

    private List<Long> processes() throws IOException {
        List<Long> processes = new ArrayList<>(List.of(kernel));
        try (DirectoryStream<Path> threads = Files.newDirectoryStream(proc.resolve(kernel + "/task"))) {
            for (Path thread : threads) {
                for (String child : read(thread.resolve("children")).split(" ", -1)) {
                    if (!child.isEmpty()) {
                        processes.add(Long.valueOf(child));
                    }
                }
            }
        }
        return processes;
    }

    /** Of its address space; none if it has just ended. */
    private long pages(long process) {
        try {
            return Long.parseLong(read(proc.resolve(process + "/statm")).split(" ", -1)[0]);
        } catch (IOException | NumberFormatException e) {
            return 0;
        }
    }

    private long mappings(long process) {
        byte[] buffer = new byte[1 << 16];
        long lines = 0;
        try (InputStream in = Files.newInputStream(proc.resolve(process + "/maps"))) {
            for (int n = in.read(buffer); n > 0; n = in.read(buffer)) {
                for (int i = 0; i < n; i++) {
                    lines += buffer[i] == '\n' ? 1 : 0;
                }
            }
            return lines;
        } catch (IOException e) {
            return 0;
        }
    }

    private static long number(Path file) throws IOException {
        return Long.parseLong(read(file));
    }

    /** At one go: of a number in /proc/sys, what is not read by the first call is never given. */
    private static String read(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            byte[] buffer = new byte[1 << 13];
            StringBuilder text = new StringBuilder();
            for (int n = in.read(buffer); n > 0; n = in.read(buffer)) {
                text.append(new String(buffer, 0, n, StandardCharsets.US_ASCII));
            }
            return text.toString().strip();
        }
    }
}
