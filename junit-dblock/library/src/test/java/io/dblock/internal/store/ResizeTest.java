// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.ImageMode;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a new size does to the data, to what is in the cache, and to snapshots. */
@Timeout(60)
class ResizeTest {
    private static final int BLOCK = 512;
    private static final int FIRST = 64 * BLOCK;
    private static final int LARGEST = 200 * BLOCK;

    @TempDir
    Path directory;

    private Store store(String kind) throws IOException {
        return switch (kind) {
            case "memory" -> new MemoryStore(FIRST);
            case "copy on write" -> new MemoryStore(new MemoryStore(FIRST));
            case "image in place" -> {
                Path image = Files.write(directory.resolve("image"), new byte[FIRST]);
                yield new FileStore(image, ImageMode.IN_PLACE, BLOCK);
            }
            default -> throw new AssertionError(kind);
        };
    }

    private static long write(WriteCache cache, long offset, int length, int value, boolean fua) throws IOException {
        byte[] data = new byte[length];
        Arrays.fill(data, (byte) value);
        return cache.write(offset, ByteBuffer.wrap(data), fua, offset / BLOCK + 1, 0, cache.position());
    }

    private static void write(WriteCache cache, long offset, int length, int value) throws IOException {
        cache.completed(write(cache, offset, length, value, false));
    }

    private static byte[] content(Source source) throws IOException {
        ByteBuffer data = ByteBuffer.allocate((int) source.size());
        source.read(0, data);
        return data.array();
    }

    @SuppressWarnings("ArrayRecordComponent") // compared by nobody
    private record Taken(StoreSnapshot snapshot, byte[] content) {}

    /** A new size is durable at once, and so is that what was beyond the end is gone. */
    @ParameterizedTest
    @ValueSource(strings = {"memory", "copy on write", "image in place"})
    void aModelOfThousandsOfChangesHolds(String kind) throws Exception {
        for (long seed = 0; seed < 6; seed++) {
            Random random = new Random(seed);
            Store store = store(kind);
            WriteCache cache = new WriteCache(store, BLOCK, true, evicted -> {});
            List<Taken> taken = new ArrayList<>();
            byte[] now = new byte[FIRST];
            byte[] durable = new byte[FIRST];
            for (int step = 0; step < 1500; step++) {
                String where = kind + ", seed " + seed + ", step " + step;
                int blocks = now.length / BLOCK;
                switch (random.nextInt(12)) {
                    case 0 -> {
                        int size = (1 + random.nextInt(LARGEST / BLOCK)) * BLOCK;
                        cache.resize(size);
                        now = Arrays.copyOf(now, size);
                        durable = Arrays.copyOf(durable, size);
                        assertThat(store.size()).as(where).isEqualTo(size);
                    }
                    case 1 -> {
                        cache.flush(0, cache.position());
                        durable = now.clone();
                    }
                    case 2 -> {
                        int at = random.nextInt(blocks) * BLOCK;
                        write(cache, at, BLOCK, step, true);
                        Arrays.fill(now, at, at + BLOCK, (byte) step);
                        Arrays.fill(durable, at, at + BLOCK, (byte) step);
                    }
                    case 3 -> {
                        int at = random.nextInt(blocks);
                        int end = at + 1 + random.nextInt(blocks - at);
                        cache.completed(
                                cache.discard((long) at * BLOCK, (long) (end - at) * BLOCK, 1, 0, cache.position()));
                        Arrays.fill(now, at * BLOCK, end * BLOCK, (byte) 0);
                    }
                    case 4 -> {
                        cache.cut(Survivors.NONE);
                        cache.restore();
                        now = durable.clone();
                    }
                    case 5 -> {
                        if (taken.size() > 4) {
                            taken.remove(random.nextInt(taken.size()))
                                    .snapshot()
                                    .close();
                        }
                        if (random.nextBoolean()) {
                            taken.add(new Taken(cache.snapshot(), now.clone()));
                        } else {
                            taken.add(new Taken(cache.snapshot(Survivors.NONE), durable.clone()));
                        }
                    }
                    default -> {
                        int at = random.nextInt(blocks);
                        int end = at + 1 + random.nextInt(Math.min(blocks - at, 20));
                        write(cache, (long) at * BLOCK, (end - at) * BLOCK, step);
                        Arrays.fill(now, at * BLOCK, end * BLOCK, (byte) step);
                    }
                }
                if (step % 10 == 0) {
                    assertThat(content(store)).as(where).isEqualTo(now);
                    for (Taken one : taken) {
                        assertThat(one.snapshot().size()).as(where).isEqualTo(one.content().length);
                        assertThat(content(one.snapshot()))
                                .as("a snapshot, " + where)
                                .isEqualTo(one.content());
                    }
                }
            }
            for (Taken one : taken) {
                one.snapshot().close();
            }
            cache.close();
        }
    }

    @Test
    void whatIsCachedBeyondTheNewEndIsNoLongerToBeLost() throws Exception {
        try (WriteCache cache = new WriteCache(new MemoryStore(FIRST), BLOCK, true, evicted -> {})) {
            write(cache, 0, BLOCK, 1);
            write(cache, 8 * BLOCK, 4 * BLOCK, 2);
            write(cache, 20 * BLOCK, BLOCK, 3);
            cache.resize(10 * BLOCK);
            assertThat(cache.unflushed())
                    .extracting(write -> write.offset() + "+" + write.length())
                    .containsExactly("0+512", 8 * BLOCK + "+" + 2 * BLOCK);
            cache.resize(FIRST);
            assertThat(cache.unflushed()).hasSize(2);
            assertThat(cache.cut(Survivors.ALL).writes()).hasSize(2);
            cache.restore();
            try (StoreSnapshot after = cache.snapshot()) {
                byte[] left = content(after);
                assertThat(left[9 * BLOCK]).isEqualTo((byte) 2);
                assertThat(left[10 * BLOCK]).isZero();
                assertThat(left[20 * BLOCK]).isZero();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "copy on write", "image in place"})
    void aRequestThatWasUnderWayForWhatIsGoneFails(String kind) throws Exception {
        try (WriteCache cache = new WriteCache(store(kind), BLOCK, true, evicted -> {});
                StoreSnapshot before = cache.snapshot()) {
            long then = cache.position();
            cache.resize(10 * BLOCK);
            List<ThrowingCallable> requests = new ArrayList<>(List.of(
                    () -> write(cache, 10 * BLOCK, BLOCK, 1),
                    () -> cache.write(9 * BLOCK, ByteBuffer.allocate(2 * BLOCK), true, 1, 0, then),
                    () -> cache.discard(9 * BLOCK, 2 * BLOCK, 1, 0, then),
                    () -> cache.writeZeroes(9 * BLOCK, 2 * BLOCK, false, 1, 0, then),
                    () -> cache.read(10 * BLOCK, ByteBuffer.allocate(BLOCK), then),
                    () -> cache.read(9 * BLOCK, ByteBuffer.allocate(2 * BLOCK), then)));
            if (cache.isDirect()) {
                requests.add(() -> cache.locate(9 * BLOCK, 2 * BLOCK, then, new Parts()));
                requests.add(() -> cache.writeFrom(
                        ByteBuffer.allocateDirect(2 * BLOCK), 0, 9 * BLOCK, 2 * BLOCK, false, 1, 0, then));
            }
            for (ThrowingCallable request : requests) {
                assertThatThrownBy(request)
                        .isInstanceOfSatisfying(BlockIOException.class, e -> assertThat(e.errno())
                                .isEqualTo(Errno.EIO))
                        .hasMessageContaining("made smaller");
            }
            assertThat(content(before)).isEqualTo(new byte[FIRST]);
            assertThatThrownBy(() -> write(cache, FIRST, BLOCK, 1)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> cache.read(FIRST, ByteBuffer.allocate(BLOCK), then))
                    .isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    /** Whenever the size changes: before the read, between the check of its range and the access, or during that. */
    @ParameterizedTest
    @ValueSource(strings = {"memory", "copy on write", "image in place"})
    void aReadDuringWhichTheDiskIsMadeSmallerFailsOrSucceeds(String kind) throws Exception {
        AtomicInteger refused = new AtomicInteger();
        AtomicInteger done = new AtomicInteger();
        AtomicBoolean over = new AtomicBoolean();
        ExecutorService reader = Executors.newSingleThreadExecutor();
        try (WriteCache cache = new WriteCache(store(kind), BLOCK, true, evicted -> {})) {
            Future<?> reading = reader.submit(() -> {
                ByteBuffer dst = ByteBuffer.allocate(8 * BLOCK);
                while (!over.get()) {
                    try {
                        dst.clear();
                        cache.read(FIRST - 8 * BLOCK, dst, cache.position());
                        if (cache.isDirect()) {
                            cache.locate(FIRST - 8 * BLOCK, 8 * BLOCK, cache.position(), new Parts());
                        }
                        done.incrementAndGet();
                    } catch (BlockIOException e) {
                        refused.incrementAndGet();
                    }
                }
                return null;
            });
            try {
                long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
                for (int i = 0; i < 2000 || refused.get() == 0 || done.get() == 0; i++) {
                    cache.resize(FIRST - 4 * BLOCK);
                    cache.resize(FIRST);
                    assertThat(System.nanoTime())
                            .as("%s reads done, %s refused", done, refused)
                            .isLessThan(deadline);
                    if (reading.isDone()) {
                        break;
                    }
                }
            } finally {
                over.set(true);
            }
            reading.get(30, TimeUnit.SECONDS);
        } finally {
            reader.shutdown();
        }
    }

    @Test
    void noSizeIsChangedWithoutPower() throws Exception {
        MemoryStore store = new MemoryStore(FIRST);
        try (WriteCache cache = new WriteCache(store, BLOCK, true, evicted -> {})) {
            cache.cut(Survivors.NONE);
            assertThatThrownBy(() -> cache.resize(BLOCK))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("power");
            assertThat(store.size()).isEqualTo(FIRST);
        }
    }

    @Test
    void aForkHasASizeOfItsOwn() throws Exception {
        try (WriteCache cache = new WriteCache(new MemoryStore(FIRST), BLOCK, true, evicted -> {})) {
            write(cache, 0, FIRST, 1);
            MemoryStore fork;
            try (StoreSnapshot snapshot = cache.snapshot()) {
                fork = snapshot.fork();
            }
            try (fork) {
                cache.resize(BLOCK);
                fork.resize(2L * FIRST);
                byte[] expected = new byte[2 * FIRST];
                Arrays.fill(expected, 0, FIRST, (byte) 1);
                assertThat(content(fork)).isEqualTo(expected);
                fork.resize(BLOCK);
                fork.resize(FIRST);
                assertThat(content(fork)).isEqualTo(Arrays.copyOf(Arrays.copyOf(expected, BLOCK), FIRST));
            }
        }
    }

    @Test
    void aLargeStoreGrowsAndShrinksAtNoCost() throws Exception {
        long size = 1L << 40;
        try (WriteCache cache = new WriteCache(new MemoryStore(size), BLOCK, true, evicted -> {});
                StoreSnapshot snapshot = cache.snapshot()) {
            write(cache, size - BLOCK, BLOCK, 1);
            cache.resize(size / 2);
            cache.resize(4 * size);
            write(cache, 4 * size - BLOCK, BLOCK, 1);
            assertThat(snapshot.findData(0, size)).isEqualTo(size);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "copy on write"})
    void memoryGrowsNoFurtherThanItsIndex(String kind) throws Exception {
        try (Store store = store(kind)) {
            store.resize(1L << 56);
            for (long size : new long[] {(1L << 56) + BLOCK, Long.MAX_VALUE, 0, -BLOCK}) {
                assertThatThrownBy(() -> store.resize(size))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("size is " + size);
            }
            assertThat(store.size()).isEqualTo(1L << 56);
        }
    }

    @Test
    void anImageInPlaceHasTheSizeAfterwards() throws Exception {
        try (Store store = store("image in place")) {
            store.resize(LARGEST);
            assertThat(Files.size(directory.resolve("image"))).isEqualTo(LARGEST);
            store.resize(BLOCK);
            assertThat(Files.size(directory.resolve("image"))).isEqualTo(BLOCK);
        }
    }

    @Test
    void aReadOnlyImageKeepsItsSize() throws Exception {
        Path image = Files.write(directory.resolve("read only"), new byte[FIRST]);
        try (FileStore store = new FileStore(image, ImageMode.READ_ONLY, BLOCK)) {
            assertThatThrownBy(() -> store.resize(BLOCK))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("COPY_ON_WRITE");
        }
        assertThat(Files.size(image)).isEqualTo(FIRST);
    }
}
