// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.handler.BlockIOException;
import io.dblock.power.CutReport.Fate;
import io.dblock.power.Survivors;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Cuts and snapshots while several threads write. A block or range has a version number in each of its longs. Who waits for a
 * lock cannot be interrupted, so the time limit needs a thread of its own.
 */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class WriteCacheThreadsTest {
    private static final int BLOCK = 512;
    private static final int PAGE = 4096;
    private static final int THREADS = 4;

    private final ExecutorService executor = Executors.newCachedThreadPool(work -> {
        Thread thread = new Thread(work, "writer");
        thread.setDaemon(true);
        return thread;
    });

    @AfterEach
    void stop() throws Exception {
        executor.shutdownNow();
        assertThat(executor.awaitTermination(20, TimeUnit.SECONDS))
                .as("all threads have ended")
                .isTrue();
    }

    private static ByteBuffer version(int length, long version) {
        ByteBuffer data = ByteBuffer.allocate(length);
        while (data.hasRemaining()) {
            data.putLong(version);
        }
        return data.flip();
    }

    private static boolean write(WriteCache cache, long offset, int length, long version, boolean fua)
            throws Exception {
        long position = cache.position();
        try {
            long ticket = cache.write(offset, version(length, version), fua, version, System.nanoTime(), position);
            cache.completed(ticket);
            return cache.isCurrent(position);
        } catch (BlockIOException e) {
            return false;
        }
    }

    private static boolean flush(WriteCache cache) throws Exception {
        long position = cache.position();
        try {
            cache.flush(0, position);
            return cache.isCurrent(position);
        } catch (BlockIOException e) {
            return false;
        }
    }

    private interface Reader {
        void read(long offset, ByteBuffer dst) throws Exception;
    }

    /** The version a range has; fails if it has several. */
    private static long versionAt(Reader reader, long offset, int length) throws Exception {
        ByteBuffer data = ByteBuffer.allocate(length);
        reader.read(offset, data);
        data.flip();
        long version = data.getLong();
        while (data.hasRemaining()) {
            assertThat(data.getLong())
                    .as("version within one write at %d", offset)
                    .isEqualTo(version);
        }
        return version;
    }

    /** Lets the writers do so much more: what a cut does to disks that nobody has written to says nothing. */
    private static void awaitMore(AtomicLong counter, long more, List<Future<?>> running) throws Exception {
        long wanted = counter.get() + more;
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (counter.get() < wanted) {
            for (Future<?> one : running) {
                if (one.isDone()) {
                    one.get();
                    throw new AssertionError("A writer has ended before its time");
                }
            }
            if (System.nanoTime() > deadline) {
                throw new AssertionError("Waited 60 s in vain for " + wanted
                        + " of what the writers count, which has come to " + counter);
            }
            LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(200));
        }
    }

    private static void await(List<Future<?>> running) throws Exception {
        for (Future<?> one : running) {
            one.get(60, TimeUnit.SECONDS);
        }
    }

    @Test
    void aCutLosesNothingAFlushHasAnsweredForAndKeepsNothingOfAfterIt() throws Exception {
        int blocks = 64;
        try (WriteCache cache =
                new WriteCache(new MemoryStore((long) THREADS * blocks * BLOCK), BLOCK, true, e -> {})) {
            long[][] durable = new long[THREADS][blocks];
            long[][] written = new long[THREADS][blocks];
            AtomicLong flushes = new AtomicLong();
            long lost = 0;
            for (int round = 0; round < 40; round++) {
                AtomicBoolean stop = new AtomicBoolean();
                List<Future<?>> running = new ArrayList<>();
                int seed = round;
                int cuts = cache.cuts();
                for (int thread = 0; thread < THREADS; thread++) {
                    int mine = thread;
                    running.add(executor.submit(() -> {
                        Random random = new Random(seed * 31L + mine);
                        long[] completed = durable[mine].clone();
                        while (!stop.get()) {
                            int block = random.nextInt(blocks);
                            long next = ++written[mine][block];
                            boolean fua = random.nextInt(10) == 0;
                            if (!write(cache, ((long) mine * blocks + block) * BLOCK, BLOCK, next, fua)
                                    || cache.cuts() != cuts) {
                                return null;
                            }
                            completed[block] = next;
                            if (fua) {
                                durable[mine][block] = next;
                            }
                            if (random.nextInt(20) == 0) {
                                if (!flush(cache) || cache.cuts() != cuts) {
                                    return null;
                                }
                                durable[mine] = completed.clone();
                                flushes.incrementAndGet();
                            }
                        }
                        return null;
                    }));
                }
                awaitMore(flushes, 2 * THREADS, running);
                Survivors survivors = round % 2 == 0
                        ? Survivors.NONE
                        : Survivors.random(round).torn();
                lost += cache.cut(survivors).writes().stream()
                        .filter(write -> write.fate() != Fate.KEPT)
                        .count();
                if (round % 3 == 0) {
                    // Requests of before are still under way in some threads: they must do nothing to what comes back.
                    cache.restore();
                    stop.set(true);
                    await(running);
                } else {
                    await(running);
                    cache.restore();
                }
                for (int thread = 0; thread < THREADS; thread++) {
                    for (int block = 0; block < blocks; block++) {
                        long found = versionAt(
                                (offset, dst) -> cache.read(offset, dst, cache.position()),
                                ((long) thread * blocks + block) * BLOCK,
                                BLOCK);
                        assertThat(found)
                                .as("round %d, thread %d, block %d", round, thread, block)
                                .isBetween(durable[thread][block], written[thread][block]);
                        // The next round starts with what there is.
                        durable[thread][block] = 0;
                        written[thread][block] = Math.max(written[thread][block], found);
                    }
                }
                assertThat(flush(cache)).isTrue();
                for (int thread = 0; thread < THREADS; thread++) {
                    for (int block = 0; block < blocks; block++) {
                        durable[thread][block] = versionAt(
                                (offset, dst) -> cache.read(offset, dst, cache.position()),
                                ((long) thread * blocks + block) * BLOCK,
                                BLOCK);
                    }
                }
            }
            assertThat(lost).as("writes that the cuts have taken").isPositive();
        }
    }

    @Test
    void aSnapshotSeesEachWriteWholeAndInOrder() throws Exception {
        int pairs = 16;
        int length = 3 * PAGE;
        try (WriteCache cache = new WriteCache(new MemoryStore((long) pairs * 2 * length), BLOCK, true, e -> {})) {
            AtomicBoolean stop = new AtomicBoolean();
            AtomicLong writes = new AtomicLong();
            List<Future<?>> running = new ArrayList<>();
            for (int thread = 0; thread < THREADS; thread++) {
                int mine = thread;
                running.add(executor.submit(() -> {
                    for (long version = 1; !stop.get(); version++) {
                        for (int pair = mine; pair < pairs; pair += THREADS) {
                            write(cache, (long) pair * 2 * length, length, version, false);
                            write(cache, ((long) pair * 2 + 1) * length, length, version, false);
                            writes.incrementAndGet();
                            if (version % 16 == 0) {
                                flush(cache);
                            }
                        }
                    }
                    return null;
                }));
            }
            for (int round = 0; round < 25; round++) {
                awaitMore(writes, pairs, running);
                try (StoreSnapshot first = cache.snapshot();
                        StoreSnapshot second = cache.snapshot(Survivors.ALL)) {
                    for (int again = 0; again < 2; again++) {
                        awaitMore(writes, pairs, running);
                        for (int pair = 0; pair < pairs; pair++) {
                            long a = versionAt(first::read, (long) pair * 2 * length, length);
                            long b = versionAt(first::read, ((long) pair * 2 + 1) * length, length);
                            assertThat(a - b)
                                    .as("round %d, pair %d", round, pair)
                                    .isBetween(0L, 1L);
                            assertThat(versionAt(second::read, (long) pair * 2 * length, length))
                                    .isGreaterThanOrEqualTo(a);
                        }
                    }
                }
            }
            stop.set(true);
            await(running);
        }
    }

    @Test
    void severalDisksAreCutAtOneInstant() throws Exception {
        for (int round = 0; round < 50; round++) {
            try (WriteCache first = new WriteCache(new MemoryStore(PAGE), BLOCK, true, e -> {});
                    WriteCache second = new WriteCache(new MemoryStore(PAGE), BLOCK, true, e -> {})) {
                AtomicLong versions = new AtomicLong();
                Future<?> writer = executor.submit(() -> {
                    long version = 1;
                    while (write(first, 0, BLOCK, version, true) && write(second, 0, BLOCK, version, true)) {
                        versions.set(version++);
                    }
                    return version;
                });
                awaitMore(versions, 5, List.of(writer));
                List<WriteCache> both = List.of(first, second);
                WriteCache.lockAll(both);
                try {
                    first.cut(Survivors.NONE);
                    second.cut(Survivors.NONE);
                } finally {
                    WriteCache.unlockAll(both);
                }
                await(List.of(writer));
                first.restore();
                second.restore();
                long a = versionAt((offset, dst) -> first.read(offset, dst, first.position()), 0, BLOCK);
                long b = versionAt((offset, dst) -> second.read(offset, dst, second.position()), 0, BLOCK);
                assertThat(b).as("round %d", round).isGreaterThanOrEqualTo(5);
                assertThat(a - b).as("round %d", round).isBetween(0L, 1L);
            }
        }
    }

    @Test
    void aDiskAndItsForkCanBeCutTogetherWhileBothAreWritten() throws Exception {
        try (WriteCache live = new WriteCache(new MemoryStore(64 * PAGE), BLOCK, true, e -> {})) {
            for (int page = 0; page < 64; page++) {
                write(live, (long) page * PAGE, PAGE, 1, true);
            }
            for (int round = 0; round < 20; round++) {
                try (StoreSnapshot snapshot = live.snapshot();
                        WriteCache fork = new WriteCache(snapshot.fork(), BLOCK, true, e -> {})) {
                    List<Future<?>> running = new ArrayList<>();
                    List<AtomicLong> writes = new ArrayList<>();
                    for (WriteCache one : List.of(fork, live)) {
                        AtomicLong count = new AtomicLong();
                        writes.add(count);
                        running.add(executor.submit(() -> {
                            // Half a page, so that the fork has to read the other half from the disk.
                            for (int i = 0; write(one, (long) (i % 64) * PAGE, BLOCK, i, false); i++) {
                                count.incrementAndGet();
                            }
                            return null;
                        }));
                    }
                    for (AtomicLong count : writes) {
                        awaitMore(count, 8, running);
                    }
                    List<WriteCache> both = round % 2 == 0 ? List.of(live, fork) : List.of(fork, live);
                    WriteCache.lockAll(both);
                    try {
                        both.forEach(one -> assertThat(one.cut(Survivors.NONE).writes())
                                .as("what the cut has taken")
                                .isNotEmpty());
                    } finally {
                        WriteCache.unlockAll(both);
                    }
                    await(running);
                    for (int page = 0; page < 64; page++) {
                        assertThat(versionAt(snapshot::read, (long) page * PAGE, PAGE))
                                .isEqualTo(1);
                    }
                    live.restore();
                    fork.restore();
                    for (int page = 0; page < 64; page++) {
                        assertThat(versionAt(
                                        (offset, dst) -> fork.read(offset, dst, fork.position()),
                                        (long) page * PAGE,
                                        PAGE))
                                .isEqualTo(1);
                    }
                }
            }
        }
    }
}
