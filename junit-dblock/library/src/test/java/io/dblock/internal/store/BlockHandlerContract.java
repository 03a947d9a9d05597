// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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

    BlockHandler handler;

    /** A handler of {@link #SIZE} bytes with this content. */
    abstract BlockHandler create(byte[] content) throws Exception;

    /** Whether it promises that a discarded range reads as zeros. */
    boolean discardZeroes() {
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

    boolean startsWithContent() {
        return this instanceof StartsWithContent;
    }

    void reopen(byte[] content) throws Exception {
        handler.close();
        handler = create(content);
    }

    boolean writable() {
        return handler.supports().contains(Operation.WRITE);
    }

    byte[] read(long offset, int length) throws Exception {
        ByteBuffer dst = ByteBuffer.allocateDirect(length);
        handler.read(offset, dst);
        assertThat(dst.remaining()).as("bytes left unfilled").isZero();
        byte[] data = new byte[length];
        dst.flip().get(data);
        return data;
    }

    void write(long offset, byte[] data) throws Exception {
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
    void readsAndWritesArePossible() {
        assertThat(handler.supports()).contains(Operation.READ);
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
    void closingTwiceIsNoError() throws Exception {
        handler.close();
        handler.close();
    }

    /** A kind of handler that can do something says so by its interface, and has the cases of it. */
    @Test
    void itHasTheCasesOfWhatItCanDo() {
        assertThat(this instanceof Writes).isEqualTo(writable());
        assertThat(this instanceof ZeroesAndDiscards)
                .isEqualTo(handler.supports().contains(Operation.DISCARD))
                .isEqualTo(handler.supports().contains(Operation.WRITE_ZEROES));
    }

    /** Cases that not every kind of handler has. */
    interface Cases {
        default BlockHandlerContract contract() {
            return (BlockHandlerContract) this;
        }
    }

    /** It can be made with content, without writing to it. */
    interface StartsWithContent extends Cases {
        @Test
        default void readsWhatWasThereBefore() throws Exception {
            contract().handler.close();
            byte[] content = random(1, SIZE);
            contract().reopen(content);
            assertThat(contract().read(0, SIZE)).isEqualTo(content);
            assertThat(contract().read(7 * BLOCK, 4096))
                    .isEqualTo(Arrays.copyOfRange(content, 7 * BLOCK, 7 * BLOCK + 4096));
        }
    }

    /** It checks ranges itself; a user's handler need not, the kernel does. */
    interface ChecksRanges extends Cases {
        @Test
        default void nothingOutsideIsReadOrWritten() throws Exception {
            for (long offset : new long[] {-BLOCK, SIZE, SIZE - BLOCK, Long.MAX_VALUE - BLOCK}) {
                assertThatThrownBy(() -> contract().handler.read(offset, ByteBuffer.allocate(2 * BLOCK)))
                        .as("read at %d", offset)
                        .isInstanceOf(IndexOutOfBoundsException.class)
                        .hasMessageContaining(Long.toString(offset));
                if (contract().writable()) {
                    assertThatThrownBy(() -> contract().write(offset, new byte[2 * BLOCK]))
                            .isInstanceOf(IndexOutOfBoundsException.class);
                    assertThatThrownBy(() -> contract().handler.discard(offset, 2 * BLOCK))
                            .isInstanceOf(IndexOutOfBoundsException.class);
                    assertThatThrownBy(() -> contract().handler.writeZeroes(offset, 2 * BLOCK, true))
                            .isInstanceOf(IndexOutOfBoundsException.class);
                    assertThatThrownBy(() -> contract().handler.writeZeroes(offset, 2 * BLOCK, false))
                            .isInstanceOf(IndexOutOfBoundsException.class);
                }
            }
        }
    }

    /** It can be written. */
    interface Writes extends Cases {
        @Test
        default void readsWhatItWrote() throws Exception {
            byte[] data = random(2, 3 * BLOCK);
            contract().write(5 * BLOCK, data);
            assertThat(contract().read(5 * BLOCK, data.length)).isEqualTo(data);
            assertThat(contract().read(4 * BLOCK, BLOCK)).isEqualTo(new byte[BLOCK]);
            assertThat(contract().read(8 * BLOCK, BLOCK)).isEqualTo(new byte[BLOCK]);
        }

        @Test
        default void theFirstAndTheLastBlockAreThere() throws Exception {
            byte[] first = random(3, BLOCK);
            byte[] last = random(4, BLOCK);
            contract().write(0, first);
            contract().write(SIZE - BLOCK, last);
            assertThat(contract().read(0, BLOCK)).isEqualTo(first);
            assertThat(contract().read(SIZE - BLOCK, BLOCK)).isEqualTo(last);
        }

        @Test
        default void aWriteOfAllOfItIsPossible() throws Exception {
            byte[] data = random(5, SIZE);
            contract().write(0, data);
            assertThat(contract().read(0, SIZE)).isEqualTo(data);
        }

        @Test
        default void randomOperationsAgreeWithAnArray() throws Exception {
            long seed = 20261122;
            contract().handler.close();
            byte[] model = contract().startsWithContent() ? random(11, SIZE) : new byte[SIZE];
            contract().reopen(model.clone());
            Random random = new Random(seed);
            for (int step = 0; step < 3000; step++) {
                int blocks = random.nextInt(10) == 0 ? 300 : 20;
                int length = (1 + random.nextInt(blocks)) * BLOCK;
                int offset = random.nextInt((SIZE - length) / BLOCK + 1) * BLOCK;
                String what = "seed " + seed + ", step " + step;
                switch (random.nextInt(6)) {
                    case 0, 1 -> {
                        byte[] data = random(random.nextLong(), length);
                        contract().write(offset, data);
                        System.arraycopy(data, 0, model, offset, length);
                    }
                    case 2 -> {
                        if (contract().handler.supports().contains(Operation.WRITE_ZEROES)) {
                            contract().handler.writeZeroes(offset, length, random.nextBoolean());
                            Arrays.fill(model, offset, offset + length, (byte) 0);
                        }
                    }
                    case 3 -> {
                        if (contract().handler.supports().contains(Operation.DISCARD)
                                && contract().discardZeroes()) {
                            contract().handler.discard(offset, length);
                            Arrays.fill(model, offset, offset + length, (byte) 0);
                        }
                    }
                    default ->
                        assertThat(contract().read(offset, length))
                                .as(what)
                                .isEqualTo(Arrays.copyOfRange(model, offset, offset + length));
                }
            }
            assertThat(contract().read(0, SIZE)).as("seed " + seed).isEqualTo(model);
        }
    }

    /** It writes zeroes and discards. */
    interface ZeroesAndDiscards extends Cases {
        @Test
        default void zeroedRangesReadAsZerosAndTheirNeighboursStay() throws Exception {
            for (boolean mayUnmap : new boolean[] {true, false}) {
                byte[] model = random(6, SIZE);
                contract().write(0, model);
                for (int[] range :
                        new int[][] {{BLOCK, BLOCK}, {3 * 4096, 2 * 4096}, {5 * BLOCK + 65536, 70 * BLOCK}}) {
                    contract().handler.writeZeroes(range[0], range[1], mayUnmap);
                    Arrays.fill(model, range[0], range[0] + range[1], (byte) 0);
                }
                assertThat(contract().read(0, SIZE)).isEqualTo(model);
            }
        }

        @Test
        default void aDiscardTouchesNoNeighbour() throws Exception {
            byte[] model = random(7, SIZE);
            contract().write(0, model);
            int from = 9 * BLOCK;
            int to = from + 101 * BLOCK;
            contract().handler.discard(from, to - from);
            byte[] after = contract().read(0, SIZE);
            if (contract().discardZeroes()) {
                Arrays.fill(model, from, to, (byte) 0);
            } else {
                System.arraycopy(after, from, model, from, to - from);
            }
            assertThat(after).isEqualTo(model);
            byte[] again = random(8, 2 * BLOCK);
            contract().write(from, again);
            assertThat(contract().read(from, 2 * BLOCK)).isEqualTo(again);
        }

        @Test
        default void allOfItCanBeDiscarded() throws Exception {
            contract().write(SIZE - BLOCK, random(9, BLOCK));
            contract().handler.discard(0, SIZE);
            if (contract().discardZeroes()) {
                assertThat(contract().read(0, SIZE)).isEqualTo(new byte[SIZE]);
            }
        }
    }

    /** Several threads may write to it at once. */
    interface ManyThreads extends Cases {
        @Test
        default void threadsThatWriteSideBySideKeepOutOfEachOthersBlocks() throws Exception {
            int threads = 8;
            // Blocks of one page belong to different threads: what a store does to a page must not lose a neighbour's.
            ExecutorService executor = Executors.newFixedThreadPool(threads);
            try {
                for (int round = 0; round < 20; round++) {
                    contract().reopen(contract().startsWithContent() ? random(12, SIZE) : new byte[SIZE]);
                    List<Future<?>> done = new ArrayList<>();
                    for (int thread = 0; thread < threads; thread++) {
                        int mine = thread;
                        done.add(executor.submit(() -> {
                            for (int block = mine; block < 1024; block += threads) {
                                contract().write((long) block * BLOCK, random(block, BLOCK));
                            }
                            return null;
                        }));
                    }
                    for (Future<?> one : done) {
                        one.get(30, TimeUnit.SECONDS);
                    }
                    for (int block = 0; block < 1024; block++) {
                        assertThat(contract().read((long) block * BLOCK, BLOCK))
                                .as("round %d, block %d", round, block)
                                .isEqualTo(random(block, BLOCK));
                    }
                }
            } finally {
                executor.shutdownNow();
            }
        }
    }
}
