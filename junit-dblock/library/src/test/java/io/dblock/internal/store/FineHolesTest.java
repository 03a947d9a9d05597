// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.handler.WriteFlags;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A disk whose logical block is larger than the least hole of what it is kept in. */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
class FineHolesTest {
    private static final int BLOCK = 4096;
    private static final int GRAIN = FineHolesStore.GRAIN;
    private static final int BLOCKS = 64;
    private static final int SIZE = BLOCKS * BLOCK;

    @TempDir
    Path directory;

    /** Each block has another pattern of holes: block 5, say, has data in its first and its third kibibyte. */
    private static byte[] patterns() {
        byte[] content = new byte[SIZE];
        for (int i = 0; i < SIZE / GRAIN; i++) {
            int pattern = i / 4;
            if ((pattern >> i % 4 & 1) != 0) {
                Arrays.fill(content, i * GRAIN, (i + 1) * GRAIN, (byte) (i | 1));
            }
        }
        return content;
    }

    private static Store store(String kind, byte[] content) throws IOException {
        FineHolesStore store = new FineHolesStore(content.length);
        store.write(0, ByteBuffer.wrap(content), WriteFlags.NONE);
        return kind.equals("in place") ? store : new MemoryStore(store);
    }

    private static byte[] content(Source source) throws IOException {
        ByteBuffer data = ByteBuffer.allocate((int) source.size());
        source.read(0, data);
        return data.array();
    }

    private static void write(WriteCache cache, int block, int blocks, int value) throws IOException {
        byte[] data = new byte[blocks * BLOCK];
        Arrays.fill(data, (byte) value);
        cache.completed(cache.write((long) block * BLOCK, ByteBuffer.wrap(data), false, 1, 0, cache.position()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"in place", "copy on write"})
    void aCutUndoesAWriteOverEachPatternOfHoles(String kind) throws Exception {
        byte[] content = patterns();
        try (WriteCache cache = new WriteCache(store(kind, content), BLOCK, true, evicted -> {})) {
            for (int block = 0; block < BLOCKS; block++) {
                write(cache, block, 1, 0xee);
            }
            cache.cut(Survivors.NONE);
            cache.restore();
            write(cache, 0, BLOCKS, 0xee);
            cache.cut(Survivors.NONE);
            cache.restore();
            try (StoreSnapshot after = cache.snapshot()) {
                assertThat(content(after)).isEqualTo(content);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"in place", "copy on write"})
    void aModelOfThousandsOfChangesHolds(String kind) throws Exception {
        Random random = new Random(62);
        byte[] durable = patterns();
        byte[] now = durable.clone();
        Store store = store(kind, now);
        try (WriteCache cache = new WriteCache(store, BLOCK, true, evicted -> {})) {
            for (int step = 0; step < 4000; step++) {
                int first = random.nextInt(BLOCKS);
                int count = 1 + random.nextInt(Math.min(8, BLOCKS - first));
                int from = first * BLOCK;
                int to = (first + count) * BLOCK;
                switch (random.nextInt(8)) {
                    case 0 -> {
                        cache.flush(0, cache.position());
                        durable = now.clone();
                    }
                    case 1 -> {
                        cache.cut(Survivors.NONE);
                        cache.restore();
                        now = durable.clone();
                    }
                    case 2 -> {
                        cache.completed(cache.discard(from, to - from, 1, 0, cache.position()));
                        Arrays.fill(now, from, to, (byte) 0);
                    }
                    case 3 -> {
                        try (StoreSnapshot snapshot = cache.snapshot();
                                StoreSnapshot cut = cache.snapshot(Survivors.NONE)) {
                            byte[] before = now.clone();
                            write(cache, first, count, step);
                            Arrays.fill(now, from, to, (byte) step);
                            assertThat(content(snapshot))
                                    .as("a snapshot, step %s", step)
                                    .isEqualTo(before);
                            assertThat(content(cut))
                                    .as("a snapshot after a cut, step %s", step)
                                    .isEqualTo(durable);
                        }
                    }
                    default -> {
                        // Sparse, so that there are fine holes again.
                        byte[] data = new byte[to - from];
                        for (int at = 0; at < data.length; at += GRAIN) {
                            Arrays.fill(data, at, at + GRAIN, (byte) (random.nextBoolean() ? 0 : step));
                        }
                        System.arraycopy(data, 0, now, from, data.length);
                        cache.completed(cache.write(from, ByteBuffer.wrap(data), false, 1, 0, cache.position()));
                    }
                }
                assertThat(content(store)).as("step %s", step).isEqualTo(now);
            }
        }
    }

    @Test
    void aSnapshotIsSavedWithItsHoles() throws Exception {
        byte[] content = patterns();
        Path file = directory.resolve("image");
        try (WriteCache cache = new WriteCache(store("in place", content), BLOCK, true, evicted -> {});
                StoreSnapshot snapshot = cache.snapshot()) {
            write(cache, 0, BLOCKS / 2, 0xee);
            snapshot.save(file);
        }
        assertThat(Files.readAllBytes(file)).isEqualTo(content);
    }
}
