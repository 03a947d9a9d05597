// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.handler.WriteFlags;
import io.dblock.internal.kernel.NativeMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is written in small parts and read in large ones. */
@Timeout(value = 240, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ScatteredReadTest {
    private static final int WRITE = 4096;
    private static final int READ = BlockIndex.FAN * BlockLog.BLOCK;
    private static final int LEAVES = 4;

    private final byte[] expected = new byte[LEAVES * READ];
    private final Parts found = new Parts();

    /** Writes each part of the disk once, in random order. */
    private void scatter(MemoryStore store, Random random) throws IOException {
        List<Integer> parts = new ArrayList<>();
        for (int at = 0; at < expected.length; at += WRITE) {
            parts.add(at);
        }
        Collections.shuffle(parts, random);
        random.nextBytes(expected);
        for (int at : parts) {
            store.write(at, ByteBuffer.wrap(expected, at, WRITE), WriteFlags.NONE);
        }
    }

    /** Reads as a server thread does; returns in how many parts the data is. */
    private int read(MemoryStore store, int offset, int length) {
        int reading = store.log.enter();
        try {
            assertThat(store.locate(offset, length, found)).isTrue();
            int at = offset;
            for (int part = 0; part < found.count(); part++) {
                int size = (int) found.lengths()[part];
                ByteBuffer data = found.addresses()[part] == 0
                        ? ByteBuffer.allocate(size)
                        : NativeMemory.bufferAt(found.addresses()[part], size);
                assertThat(data.mismatch(ByteBuffer.wrap(expected, at, size)))
                        .as("first difference in part %d of %d", part, found.count())
                        .isNegative();
                at += size;
            }
            assertThat(at).isEqualTo(offset + length);
            return found.count();
        } finally {
            store.log.exit(reading);
        }
    }

    /** Reads a leaf until it is as awaited: reads are what makes the log move data, and nothing tells when it has. */
    private void readUntil(MemoryStore store, int leaf, String what, BooleanSupplier awaited)
            throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
        while (!awaited.getAsBoolean()) {
            read(store, leaf * READ, READ);
            assertThat(System.nanoTime())
                    .as("leaf %d is %s within 120 s", leaf, what)
                    .isLessThan(end);
            Thread.sleep(1);
        }
    }

    private void awaitGathered(MemoryStore store, int leaf) throws InterruptedException {
        readUntil(store, leaf, "in one place", () -> read(store, leaf * READ, READ) == 1);
    }

    @Test
    void whatIsReadTogetherAgainIsPutSideBySide() throws Exception {
        Random random = new Random(1);
        try (MemoryStore store = new MemoryStore(expected.length)) {
            for (int round = 0; round < 3; round++) {
                scatter(store, random);
                assertThat(read(store, 0, READ)).isGreaterThan(Compactor.SCATTERED);
                for (int leaf = 0; leaf < LEAVES; leaf++) {
                    awaitGathered(store, leaf);
                }
                assertThat(store.index.leaf(0).places().areSideBySide()).isTrue();
            }
        }
    }

    /** Such a read stays in many parts, whatever is done, so it is not done again each time. */
    @Test
    void dataBetweenZerosIsNotMovedAgainAndAgain() throws Exception {
        Random random = new Random(2);
        try (MemoryStore store = new MemoryStore(expected.length)) {
            scatter(store, random);
            for (int at = 0; at < expected.length; at += 2 * WRITE) {
                store.discard(at, WRITE);
                Arrays.fill(expected, at, at + WRITE, (byte) 0);
            }
            awaitMoved(store, 0);
            long first = store.index.get(WRITE / BlockLog.BLOCK);
            for (int i = 0; i < 50; i++) {
                read(store, 0, READ);
            }
            // One thread moves, in order: what these reads have begun is done before the next leaf is moved.
            awaitMoved(store, 1);
            assertThat(store.index.get(WRITE / BlockLog.BLOCK)).isEqualTo(first);
        }
    }

    private void awaitMoved(MemoryStore store, int leaf) throws InterruptedException {
        readUntil(store, leaf, "moved", () -> partsInOrder(store, leaf) == READ / WRITE / 2);
    }

    /** Returns how many parts of a leaf, every second of which is zeros, follow each other in memory. */
    private static int partsInOrder(MemoryStore store, int leaf) {
        int count = 1;
        int blocks = WRITE / BlockLog.BLOCK;
        long start = (long) leaf * BlockIndex.FAN;
        for (int at = 3 * blocks; at < BlockIndex.FAN; at += 2 * blocks) {
            if (store.index.get(start + at) == store.index.get(start + at - 2L * blocks) + blocks) {
                count++;
            }
        }
        return count;
    }

    /** A snapshot shares the leaf. Its data is moved once, for both. */
    @Test
    void aSnapshotReadsWhatItDid() throws Exception {
        Random random = new Random(3);
        MemoryStore store = new MemoryStore(expected.length);
        try (WriteCache disk = new WriteCache(store, BlockLog.BLOCK, false, evicted -> {})) {
            scatter(store, random);
            try (StoreSnapshot snapshot = disk.snapshot()) {
                awaitGathered(store, 0);
                ByteBuffer content = ByteBuffer.allocate(READ);
                snapshot.read(0, content);
                assertThat(content.flip()).isEqualTo(ByteBuffer.wrap(expected, 0, READ));
                byte[] before = expected.clone();
                scatter(store, random);
                awaitGathered(store, 0);
                content.clear();
                snapshot.read(0, content);
                assertThat(content.flip()).isEqualTo(ByteBuffer.wrap(before, 0, READ));
            }
        }
    }
}
