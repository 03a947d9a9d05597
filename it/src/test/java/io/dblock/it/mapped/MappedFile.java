// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.mapped;

import java.io.IOException;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;

/**
 * A file that is written and read through memory only, by several threads, a page at a time in random order. What each page
 * has to hold is known.
 */
final class MappedFile {
    private static final int PAGE = 4096;
    private static final int THREADS = 3;

    private final long seed;
    private final Random random;
    /** How often each page has been written. */
    private final int[] versions;

    /** A file of this many pages that only zeros were written to so far. */
    MappedFile(int pages, long seed) {
        this.seed = seed;
        random = new Random(seed);
        versions = new int[pages];
    }

    long size() {
        return (long) versions.length * PAGE;
    }

    /** Writes about one page of {@code share}, and has them written back. */
    void write(Path file, int share) throws Exception {
        try (Mapping mapping = Mapping.of(file, MapMode.READ_WRITE)) {
            List<Integer> chosen = IntStream.range(0, versions.length)
                    .filter(page -> random.nextInt(share) == 0)
                    .boxed()
                    .toList();
            forEach(chosen, page -> put(mapping.buffer(), page));
            mapping.buffer().force();
        }
    }

    /** Reads all pages. */
    void verify(Path file) throws Exception {
        try (Mapping mapping = Mapping.of(file, MapMode.READ_ONLY)) {
            forEach(IntStream.range(0, versions.length).boxed().toList(), page -> check(mapping.buffer(), page));
        }
    }

    private void put(MappedByteBuffer memory, int page) {
        versions[page]++;
        for (int at = page * PAGE; at < (page + 1) * PAGE; at += Long.BYTES) {
            memory.putLong(at, expected(page, at));
        }
    }

    private void check(MappedByteBuffer memory, int page) {
        for (int at = page * PAGE; at < (page + 1) * PAGE; at += Long.BYTES) {
            long found = memory.getLong(at);
            if (found != expected(page, at)) {
                throw new AssertionError("byte " + at + " of the file of seed " + seed + ": expected "
                        + Long.toHexString(expected(page, at)) + " of version " + versions[page] + ", found "
                        + Long.toHexString(found));
            }
        }
    }

    private long expected(int page, int at) {
        return versions[page] == 0 ? 0 : seed + ((long) versions[page] << 40) + at * 0x9E3779B97F4A7C15L;
    }

    private interface PageWork {
        void on(int page);
    }

    private void forEach(List<Integer> pages, PageWork work) throws Exception {
        List<Integer> shuffled = new ArrayList<>(pages);
        Collections.shuffle(shuffled, random);
        List<Callable<Void>> parts = new ArrayList<>();
        for (int thread = 0; thread < THREADS; thread++) {
            List<Integer> part =
                    shuffled.subList(shuffled.size() * thread / THREADS, shuffled.size() * (thread + 1) / THREADS);
            parts.add(() -> {
                part.forEach(work::on);
                return null;
            });
        }
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        try {
            for (Future<Void> part : threads.invokeAll(parts)) {
                part.get();
            }
        } catch (ExecutionException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw new IOException(e.getCause());
        } finally {
            threads.shutdownNow();
        }
    }
}
