// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.handler.ImageMode;
import io.dblock.handler.WriteFlags;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class SnapshotTest {
    private static final int BLOCK = 512;
    private static final int PAGE = 4096;
    private static final int SIZE = (1 << 20) + BLOCK;

    @TempDir
    Path directory;

    private final MemoryStore store = new MemoryStore(SIZE);
    private final WriteCache cache = new WriteCache(store, BLOCK, true, e -> {});

    @AfterEach
    void close() throws Exception {
        cache.close();
    }

    private void write(long offset, int length, int value) throws Exception {
        write(cache, offset, length, value);
    }

    private static void write(WriteCache to, long offset, int length, int value) throws Exception {
        byte[] data = new byte[length];
        Arrays.fill(data, (byte) value);
        to.completed(to.write(offset, ByteBuffer.wrap(data), false, 1, 0, to.position()));
    }

    private static void discard(WriteCache of, long offset, long length) throws Exception {
        of.completed(of.discard(offset, length, 1, 0, of.position()));
    }

    private static byte at(Source source, long offset) throws IOException {
        ByteBuffer dst = ByteBuffer.allocate(BLOCK);
        source.read(offset, dst);
        return dst.get(0);
    }

    private static long resident() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("VmRSS:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024)
                .findFirst()
                .orElseThrow();
    }

    @Test
    void aSnapshotStaysAsItIsWhateverBecomesOfTheDisk() throws Exception {
        write(0, 4 * PAGE, 1);
        try (StoreSnapshot snapshot = cache.snapshot()) {
            write(BLOCK, BLOCK, 2);
            discard(cache, PAGE, PAGE);
            cache.writeZeroes(2 * PAGE, PAGE, false, 1, 0, cache.position());
            write(SIZE - BLOCK, BLOCK, 3);
            for (long offset = 0; offset < 4 * PAGE; offset += BLOCK) {
                assertThat(at(snapshot, offset)).as("at %d", offset).isEqualTo((byte) 1);
            }
            assertThat(at(snapshot, SIZE - BLOCK)).isZero();
        }
    }

    @Test
    void eachOfSeveralSnapshotsKeepsItsOwnInstantInWhateverOrderTheyAreClosed() throws Exception {
        for (int first = 0; first < 3; first++) {
            for (int second = 0; second < 3; second++) {
                if (first == second) {
                    continue;
                }
                StoreSnapshot[] snapshots = new StoreSnapshot[3];
                for (int i = 0; i < 3; i++) {
                    write(0, PAGE, 10 + i);
                    write((1 + i) * (long) PAGE, PAGE, 20 + i);
                    snapshots[i] = cache.snapshot();
                }
                write(0, 4 * PAGE, 99);
                snapshots[first].close();
                snapshots[second].close();
                int left = 3 - first - second;
                assertThat(at(snapshots[left], 0)).isEqualTo((byte) (10 + left));
                assertThat(at(snapshots[left], (1 + left) * (long) PAGE)).isEqualTo((byte) (20 + left));
                if (left < 2) {
                    assertThat(at(snapshots[left], 3 * PAGE)).isNotEqualTo((byte) 22);
                }
                snapshots[left].close();
                discard(cache, 0, SIZE);
            }
        }
    }

    @Test
    void snapshotsOfALargeDiskAreMadeAtOnceAndCostWhatChanges() throws Exception {
        long size = 1L << 40;
        try (WriteCache large = new WriteCache(new MemoryStore(size), BLOCK, true, e -> {})) {
            for (int i = 0; i < 64; i++) {
                write(large, (size >> 6) * i, PAGE, 1);
            }
            long before = resident();
            StoreSnapshot[] snapshots = new StoreSnapshot[8];
            for (int i = 0; i < snapshots.length; i++) {
                snapshots[i] = large.snapshot();
                write(large, 0, PAGE, 2 + i);
            }
            discard(large, 0, size);
            assertThat(at(snapshots[3], 0)).isEqualTo((byte) 4);
            assertThat(at(snapshots[3], size >> 6)).isEqualTo((byte) 1);
            // A bitmap of the whole disk for each would take 256 MiB. The JVM's own memory grows by tens meanwhile.
            assertThat(resident() - before).isLessThan(192 << 20);
            try (WriteCache fork = new WriteCache(snapshots[7].fork(), BLOCK, true, e -> {})) {
                discard(fork, 0, size);
                assertThat(resident() - before).as("with a fork discarded").isLessThan(224 << 20);
            }
            for (StoreSnapshot snapshot : snapshots) {
                snapshot.close();
            }
        }
    }

    @Test
    void forksAreDisksOfTheirOwn() throws Exception {
        write(0, 2 * PAGE, 1);
        try (StoreSnapshot snapshot = cache.snapshot();
                WriteCache first = new WriteCache(snapshot.fork(), BLOCK, true, e -> {});
                WriteCache second = new WriteCache(snapshot.fork(), BLOCK, true, e -> {})) {
            write(first, 0, BLOCK, 2);
            write(second, 0, BLOCK, 3);
            write(0, BLOCK, 4);
            assertThat(at(snapshot, 0)).isEqualTo((byte) 1);
            try (StoreSnapshot ofFirst = first.snapshot();
                    StoreSnapshot ofSecond = second.snapshot();
                    MemoryStore again = ofSecond.fork()) {
                assertThat(at(ofFirst, 0)).isEqualTo((byte) 2);
                assertThat(at(ofFirst, BLOCK)).isEqualTo((byte) 1);
                assertThat(at(ofSecond, 0)).isEqualTo((byte) 3);
                again.write(PAGE, ByteBuffer.allocate(BLOCK), WriteFlags.NONE);
                assertThat(at(again, 0)).isEqualTo((byte) 3);
                assertThat(at(again, PAGE)).isZero();
                assertThat(at(ofSecond, PAGE)).isEqualTo((byte) 1);
            }
        }
    }

    @Test
    void theDataStayUntilTheLastThatNeedsThemIsClosed() throws Exception {
        write(0, PAGE, 1);
        StoreSnapshot snapshot = cache.snapshot();
        MemoryStore fork = snapshot.fork();
        cache.close();
        assertThat(at(snapshot, 0)).isEqualTo((byte) 1);
        snapshot.close();
        snapshot.close();
        assertThat(at(fork, 0)).isEqualTo((byte) 1);
        assertThat(store.log.memory()).isPositive();
        fork.close();
        fork.close();
        assertThat(store.log.memory()).isZero();
    }

    @Test
    void aLayerBelowIsClosedWithTheLastThatHasIt() throws Exception {
        MemoryStore below = new MemoryStore(SIZE);
        below.write(0, ByteBuffer.allocate(BLOCK).put(0, (byte) 1), WriteFlags.NONE);
        WriteCache disk = new WriteCache(new MemoryStore(below), BLOCK, true, e -> {});
        StoreSnapshot snapshot = disk.snapshot();
        MemoryStore fork = snapshot.fork();
        disk.close();
        snapshot.close();
        assertThat(at(fork, 0)).isEqualTo((byte) 1);
        assertThat(at(below, 0)).as("it is open").isEqualTo((byte) 1);
        fork.close();
        assertThatThrownBy(() -> at(below, 0)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void anySizeHasAsManySnapshotsAsOneLikes() throws Exception {
        MemoryStore huge = new MemoryStore(16L << 40);
        List<AutoCloseable> made = new ArrayList<>();
        try (WriteCache disk = new WriteCache(huge, BLOCK, true, e -> {})) {
            for (int i = 1; i <= 64; i++) {
                write(disk, (16L << 40) - PAGE, PAGE, i);
                made.add(disk.snapshot());
                made.add(disk.snapshot(Survivors.NONE));
            }
            assertThat(huge.log.memory()).isEqualTo(Chunk.SIZE);
        }
        for (int i = 1; i <= 64; i++) {
            assertThat(at((Source) made.get(2 * i - 2), (16L << 40) - PAGE)).isEqualTo((byte) i);
            assertThat(at((Source) made.get(2 * i - 1), (16L << 40) - PAGE)).isZero();
        }
        for (AutoCloseable one : made) {
            one.close();
        }
        assertThat(huge.log.memory()).as("with the last").isZero();
    }

    @Test
    void aClosedSnapshotRefuses() throws Exception {
        StoreSnapshot snapshot = cache.snapshot();
        snapshot.close();
        assertThatThrownBy(() -> at(snapshot, 0))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("This snapshot is closed.");
        assertThatThrownBy(snapshot::fork)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("Fork it before closing it");
    }

    @Test
    void aRangeOutsideIsNamed() throws Exception {
        try (StoreSnapshot snapshot = cache.snapshot()) {
            assertThatThrownBy(() -> snapshot.read(SIZE, ByteBuffer.allocate(BLOCK)))
                    .isInstanceOf(IndexOutOfBoundsException.class)
                    .hasMessage("The range of 512 bytes at 1049088 is not within the 1049088 bytes of this snapshot.");
        }
    }

    @Test
    void aSavedSnapshotIsASparseImageOfTheSameContent() throws Exception {
        Path file = directory.resolve("saved.img");
        Files.write(file, new byte[3 << 20]);
        byte[] expected = new byte[SIZE];
        new Random(1).nextBytes(expected);
        Arrays.fill(expected, 64 << 10, 512 << 10, (byte) 0);
        cache.completed(cache.write(0, ByteBuffer.wrap(expected, 0, 64 << 10), false, 1, 0, cache.position()));
        cache.completed(cache.write(
                512 << 10,
                ByteBuffer.wrap(expected, 512 << 10, SIZE - (512 << 10)).slice(),
                false,
                1,
                0,
                cache.position()));
        try (StoreSnapshot snapshot = cache.snapshot()) {
            discard(cache, 0, SIZE);
            snapshot.save(file);
        }
        assertThat(file).hasBinaryContent(expected);
        assertThat(blocks(file)).as("512-byte units on the disk").isLessThan((SIZE - (400 << 10)) / 512);
        try (FileStore loaded = new FileStore(file, ImageMode.COPY_ON_WRITE, BLOCK)) {
            ByteBuffer content = ByteBuffer.allocate(SIZE);
            loaded.read(0, content);
            assertThat(content.array()).isEqualTo(expected);
        }
    }

    @Test
    void anEmptySnapshotIsSavedWithItsSize() throws Exception {
        Path file = directory.resolve("empty.img");
        try (StoreSnapshot snapshot = cache.snapshot()) {
            snapshot.save(file);
        }
        assertThat(file).hasBinaryContent(new byte[SIZE]);
        assertThat(blocks(file)).isLessThanOrEqualTo(16);
    }

    @Test
    void aSnapshotThatCannotBeSavedLeavesNoHalfFile() throws Exception {
        Path file = directory.resolve("none").resolve("saved.img");
        try (StoreSnapshot snapshot = cache.snapshot()) {
            assertThatThrownBy(() -> snapshot.save(file)).isInstanceOf(IOException.class);
        }
        assertThat(file).doesNotExist();
    }

    private static long blocks(Path file) throws Exception {
        Process process = new ProcessBuilder("stat", "-c", "%b", file.toString()).start();
        return Long.parseLong(new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip());
    }
}
