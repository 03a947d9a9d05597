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
 * Watches how many memory mappings the processes of a User Mode Linux guest have. Each run of pages that is contiguous in
 * the guest's memory is one mapping. If the host allows no more mappings, the guest's kernel does not notice: its programs
 * fault for ever, make wrong system calls, or die of a signal. So this class raises the host's limit if it may. Otherwise
 * the guest must be ended before it reaches the limit. Not thread-safe.
 */
final class MappingWatch {

    /** The limit of newer distributions. Even with a mapping for each page, few guests need more. */
    private static final long ENOUGH = 1 << 20;

    /**
     * The rate of new mappings per second that is assumed between counts. To count 40,000 mappings takes 13 ms, so they are
     * counted no more often than needed. A program that does nothing else makes 80,000 per second; twice that rate ensures
     * two counts before it reaches the limit.
     */
    private static final double PER_SECOND = 160_000;

    /** How long a count is valid while the number of pages stays the same: it hardly has more mappings then. */
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

    /** The pages and mappings of a process at one time. */
    private record Count(long pages, long mappings, long when) {

        /** Returns for how many nanoseconds this count can be relied on. */
        double validFor(long pagesNow, long limit) {
            return pagesNow == pages ? UNCHANGED : (limit - mappings) / PER_SECOND * SECOND;
        }
    }

    /**
     * Creates a watch over the process of a kernel and its children.
     *
     * @param kernel the process id of the kernel
     * @param given a limit to use in place of the host's, which is not raised then
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

    /**
     * Returns why the guest must be ended now, and what to do about it; empty if it may go on. Must be called several times
     * a second.
     */
    Optional<String> check() {
        try {
            long limit = given.isPresent() ? given.getAsLong() : number(maximum());
            long now = clock.getAsLong();
            List<Long> processes = processes();
            counts.keySet().retainAll(processes);
            for (long process : processes) {
                // A mapping has at least one page, so few pages mean few mappings. Pages are cheap to read.
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
            // A process has just ended, or the host does not have these files. The guest goes on unwatched.
            return Optional.empty();
        }
    }

    /** Returns the expected number of mappings at the next check. */
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
            // The usual case: this process is not root, or runs in a container.
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

    /** Returns the pages of the process's address space; 0 if it has just ended. */
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

    /** Reads with a large buffer: of a number in /proc/sys, only the first read returns anything. */
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
