// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.dblock.handler.BlockHandler;
import io.dblock.handler.Operation;
import io.dblock.handler.WriteFlags;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What every handler must do, whatever it keeps its data in. */
@Timeout(60)
abstract class BlockHandlerContract {
    static final int BLOCK = 512;
    /** Not a multiple of a page, so that the end is special. */
    static final int SIZE = (1 << 20) + 3 * BLOCK;

    @TempDir
    Path directory;

    private BlockHandler handler;

    /** A handler of {@link #SIZE} bytes with this content. */
    abstract BlockHandler create(byte[] content) throws Exception;

    /** Whether {@link #create} can make one that is not all zeros, without writing to it. */
    boolean hasInitialContent() {
        return true;
    }

    /** Whether it promises that a discarded range reads as zeros. */
    boolean discardZeroes() {
        return true;
    }

    boolean isSafeForManyThreads() {
        return true;
    }

    /** Whether it checks ranges itself; a user's need not, the kernel does. */
    boolean checksRanges() {
        return true;
    }

    @BeforeEach
    void open() throws Exception {
        handler = create(new byte[SIZE]);
    }

    @AfterEach
    void close() throws Exception {
        handler.close();
    }

    private boolean writable() {
        return handler.supports().contains(Operation.WRITE);
    }

    private byte[] read(long offset, int length) throws Exception {
        ByteBuffer dst = ByteBuffer.allocateDirect(length);
        handler.read(offset, dst);
        assertThat(dst.remaining()).as("bytes left unfilled").isZero();
        byte[] data = new byte[length];
        dst.flip().get(data);
        return data;
    }

    private void write(long offset, byte[] data) throws Exception {
        handler.write(offset, ByteBuffer.wrap(data).asReadOnlyBuffer(), WriteFlags.NONE);
    }

    static byte[] random(long seed, int length) {
        byte[] data = new byte[length];
        new Random(seed).nextBytes(data);
        return data;
    }

    @Test
    void readsZerosBeforeAnythingIsWritten() throws Exception {
        assertThat(read(0, SIZE)).isEqualTo(new byte[SIZE]);
    }

    @Test
    void readsWhatWasThereBefore() throws Exception {
        assumeTrue(hasInitialContent(), "this kind of handler always starts with zeros");
        handler.close();
        byte[] content = random(1, SIZE);
        handler = create(content);
        assertThat(read(0, SIZE)).isEqualTo(content);
        assertThat(read(7 * BLOCK, 4096)).isEqualTo(Arrays.copyOfRange(content, 7 * BLOCK, 7 * BLOCK + 4096));
    }

    @Test
    void readsAndWritesArePossible() {
        assertThat(handler.supports()).contains(Operation.READ);
    }

    @Test
    void readsWhatItWrote() throws Exception {
        assumeTrue(writable(), "read-only");
        byte[] data = random(2, 3 * BLOCK);
        write(5 * BLOCK, data);
        assertThat(read(5 * BLOCK, data.length)).isEqualTo(data);
        assertThat(read(4 * BLOCK, BLOCK)).isEqualTo(new byte[BLOCK]);
        assertThat(read(8 * BLOCK, BLOCK)).isEqualTo(new byte[BLOCK]);
    }

    @Test
    void theFirstAndTheLastBlockAreThere() throws Exception {
        assumeTrue(writable(), "read-only");
        byte[] first = random(3, BLOCK);
        byte[] last = random(4, BLOCK);
        write(0, first);
        write(SIZE - BLOCK, last);
        assertThat(read(0, BLOCK)).isEqualTo(first);
        assertThat(read(SIZE - BLOCK, BLOCK)).isEqualTo(last);
    }

    @Test
    void aWriteOfAllOfItIsPossible() throws Exception {
        assumeTrue(writable(), "read-only");
        byte[] data = random(5, SIZE);
        write(0, data);
        assertThat(read(0, SIZE)).isEqualTo(data);
    }

    @Test
    void nothingOutsideIsReadOrWritten() throws Exception {
        assumeTrue(checksRanges(), "the kernel checks");
        for (long offset : new long[] {-BLOCK, SIZE, SIZE - BLOCK, Long.MAX_VALUE - BLOCK}) {
            assertThatThrownBy(() -> handler.read(offset, ByteBuffer.allocate(2 * BLOCK)))
                    .as("read at %d", offset)
                    .isInstanceOf(IndexOutOfBoundsException.class)
                    .hasMessageContaining(Long.toString(offset));
            if (writable()) {
                assertThatThrownBy(() -> write(offset, new byte[2 * BLOCK]))
                        .isInstanceOf(IndexOutOfBoundsException.class);
                assertThatThrownBy(() -> handler.discard(offset, 2 * BLOCK))
                        .isInstanceOf(IndexOutOfBoundsException.class);
                assertThatThrownBy(() -> handler.writeZeroes(offset, 2 * BLOCK, true))
                        .isInstanceOf(IndexOutOfBoundsException.class);
                assertThatThrownBy(() -> handler.writeZeroes(offset, 2 * BLOCK, false))
                        .isInstanceOf(IndexOutOfBoundsException.class);
            }
        }
    }

    @Test
    void zeroedRangesReadAsZerosAndTheirNeighboursStay() throws Exception {
        assumeTrue(handler.supports().contains(Operation.WRITE_ZEROES), "does not write zeroes");
        for (boolean mayUnmap : new boolean[] {true, false}) {
            byte[] model = random(6, SIZE);
            write(0, model);
            for (int[] range : new int[][] {{BLOCK, BLOCK}, {3 * 4096, 2 * 4096}, {5 * BLOCK + 65536, 70 * BLOCK}}) {
                handler.writeZeroes(range[0], range[1], mayUnmap);
                Arrays.fill(model, range[0], range[0] + range[1], (byte) 0);
            }
            assertThat(read(0, SIZE)).isEqualTo(model);
        }
    }

    @Test
    void aDiscardTouchesNoNeighbour() throws Exception {
        assumeTrue(handler.supports().contains(Operation.DISCARD), "does not discard");
        byte[] model = random(7, SIZE);
        write(0, model);
        int from = 9 * BLOCK;
        int to = from + 101 * BLOCK;
        handler.discard(from, to - from);
        byte[] after = read(0, SIZE);
        if (discardZeroes()) {
            Arrays.fill(model, from, to, (byte) 0);
        } else {
            System.arraycopy(after, from, model, from, to - from);
        }
        assertThat(after).isEqualTo(model);
        byte[] again = random(8, 2 * BLOCK);
        write(from, again);
        assertThat(read(from, 2 * BLOCK)).isEqualTo(again);
    }

    @Test
    void allOfItCanBeDiscarded() throws Exception {
        assumeTrue(handler.supports().contains(Operation.DISCARD), "does not discard");
        write(SIZE - BLOCK, random(9, BLOCK));
        handler.discard(0, SIZE);
        if (discardZeroes()) {
            assertThat(read(0, SIZE)).isEqualTo(new byte[SIZE]);
        }
    }

    @Test
    void flushingChangesNothing() throws Exception {
        byte[] data = random(10, BLOCK);
        if (writable()) {
            handler.write(0, ByteBuffer.wrap(data), new WriteFlags(true, true, true));
        }
        handler.flush();
        assertThat(read(0, BLOCK)).isEqualTo(writable() ? data : new byte[BLOCK]);
    }

    @Test
    void randomOperationsAgreeWithAnArray() throws Exception {
        assumeTrue(writable(), "read-only");
        long seed = 20261122;
        handler.close();
        byte[] model = hasInitialContent() ? random(11, SIZE) : new byte[SIZE];
        handler = create(model.clone());
        Random random = new Random(seed);
        for (int step = 0; step < 3000; step++) {
            int blocks = random.nextInt(10) == 0 ? 300 : 20;
            int length = (1 + random.nextInt(blocks)) * BLOCK;
            int offset = random.nextInt((SIZE - length) / BLOCK + 1) * BLOCK;
            String what = "seed " + seed + ", step " + step;
            switch (random.nextInt(6)) {
                case 0, 1 -> {
                    byte[] data = random(random.nextLong(), length);
                    write(offset, data);
                    System.arraycopy(data, 0, model, offset, length);
                }
                case 2 -> {
                    if (handler.supports().contains(Operation.WRITE_ZEROES)) {
                        handler.writeZeroes(offset, length, random.nextBoolean());
                        Arrays.fill(model, offset, offset + length, (byte) 0);
                    }
                }
                case 3 -> {
                    if (handler.supports().contains(Operation.DISCARD) && discardZeroes()) {
                        handler.discard(offset, length);
                        Arrays.fill(model, offset, offset + length, (byte) 0);
                    }
                }
                default ->
                    assertThat(read(offset, length))
                            .as(what)
                            .isEqualTo(Arrays.copyOfRange(model, offset, offset + length));
            }
        }
        assertThat(read(0, SIZE)).as("seed " + seed).isEqualTo(model);
    }

    @Test
    void threadsThatWriteSideBySideKeepOutOfEachOthersBlocks() throws Exception {
        assumeTrue(writable() && isSafeForManyThreads(), "one thread at a time");
        int threads = 8;
        // Blocks of one page belong to different threads: what a store does to a page must not lose a neighbour's.
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        try {
            for (int round = 0; round < 20; round++) {
                handler.close();
                handler = create(hasInitialContent() ? random(12, SIZE) : new byte[SIZE]);
                List<Future<?>> done = new ArrayList<>();
                for (int thread = 0; thread < threads; thread++) {
                    int mine = thread;
                    done.add(executor.submit(() -> {
                        for (int block = mine; block < 1024; block += threads) {
                            write((long) block * BLOCK, random(block, BLOCK));
                        }
                        return null;
                    }));
                }
                for (Future<?> one : done) {
                    one.get(30, TimeUnit.SECONDS);
                }
                for (int block = 0; block < 1024; block++) {
                    assertThat(read((long) block * BLOCK, BLOCK))
                            .as("round %d, block %d", round, block)
                            .isEqualTo(random(block, BLOCK));
                }
            }
        } finally {
            executor.shutdownNow();
        }
    }

    @Test
    void closingTwiceIsNoError() throws Exception {
        handler.close();
        handler.close();
    }
}
