// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.internal.kernel.NativeMemory;
import io.dblock.power.CutReport;
import io.dblock.power.CutReport.Fate;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class WriteCacheTest {
    private static final int BLOCK = 512;
    private static final int PAGE = 4096;
    private static final int SIZE = 1 << 20;

    private final List<Long> evicted = new ArrayList<>();
    private WriteCache cache = new WriteCache(new MemoryStore(SIZE), BLOCK, true, evicted::add);
    private long sequence;

    @AfterEach
    void close() throws Exception {
        cache.close();
    }

    private void use(WriteCache other) throws Exception {
        cache.close();
        cache = other;
    }

    private static ByteBuffer filled(int length, int value) {
        byte[] data = new byte[length];
        Arrays.fill(data, (byte) value);
        return ByteBuffer.wrap(data);
    }

    /** Writes without completing. */
    private long begin(long offset, int length, int value) throws Exception {
        return cache.write(offset, filled(length, value), false, ++sequence, System.nanoTime(), cache.position());
    }

    private void write(long offset, int length, int value) throws Exception {
        cache.completed(begin(offset, length, value));
    }

    private void writeFua(long offset, int length, int value) throws Exception {
        assertThat(cache.write(offset, filled(length, value), true, ++sequence, System.nanoTime(), cache.position()))
                .as("ticket of a FUA write")
                .isZero();
    }

    private void discard(long offset, long length) throws Exception {
        cache.completed(cache.discard(offset, length, ++sequence, System.nanoTime(), cache.position()));
    }

    private void flush() throws Exception {
        cache.flush(0, cache.position());
    }

    private void cutAndRestore() throws Exception {
        cutAndRestore(Survivors.NONE);
    }

    private CutReport cutAndRestore(Survivors survivors) throws Exception {
        CutReport report = cache.cut(survivors);
        cache.restore();
        return report;
    }

    private int valueAt(long offset) throws Exception {
        ByteBuffer dst = ByteBuffer.allocate(BLOCK);
        cache.read(offset, dst, cache.position());
        byte[] data = dst.array();
        for (byte one : data) {
            assertThat(one).as("bytes of one block").isEqualTo(data[0]);
        }
        return data[0];
    }

    // ---- what makes a write durable ----

    @Test
    void aWriteThatWasNotFlushedIsLost() throws Exception {
        write(0, PAGE, 1);
        flush();
        write(0, PAGE, 2);
        assertThat(valueAt(0)).isEqualTo(2);
        cutAndRestore();
        assertThat(valueAt(0)).isEqualTo(1);
    }

    @Test
    void aFlushCoversTheWritesCompletedBeforeItCame() throws Exception {
        write(0, BLOCK, 1);
        long position = cache.position();
        write(BLOCK, BLOCK, 2);
        long underWay = begin(2 * BLOCK, BLOCK, 3);
        cache.flush(0, position);
        cache.completed(underWay);
        cutAndRestore();
        assertThat(valueAt(0)).as("completed before").isEqualTo(1);
        assertThat(valueAt(BLOCK)).as("completed after").isZero();
        assertThat(valueAt(2 * BLOCK)).as("not completed").isZero();
    }

    @Test
    void aFlushOrdersByCompletionNotBySubmission() throws Exception {
        long first = begin(0, BLOCK, 1);
        long second = begin(BLOCK, BLOCK, 2);
        cache.completed(second);
        long position = cache.position();
        cache.completed(first);
        cache.flush(0, position);
        cutAndRestore();
        assertThat(valueAt(0)).as("submitted first, completed last").isZero();
        assertThat(valueAt(BLOCK)).as("submitted last, completed first").isEqualTo(2);
    }

    @Test
    void aFuaWriteIsDurableAloneAndFlushesNothingElse() throws Exception {
        write(0, BLOCK, 1);
        writeFua(BLOCK, BLOCK, 2);
        assertThat(cache.unflushed()).extracting(UnflushedWrite::offset).containsExactly(0L);
        cutAndRestore();
        assertThat(valueAt(0)).isZero();
        assertThat(valueAt(BLOCK)).isEqualTo(2);
    }

    @Test
    void aFuaWriteStaysWhateverBecomesOfTheCachedOneBelowAndTheOneAbove() throws Exception {
        for (Survivors survivors : List.of(Survivors.NONE, Survivors.of(1), Survivors.of(3), Survivors.ALL)) {
            use(new WriteCache(new MemoryStore(SIZE), BLOCK, true, evicted::add));
            sequence = 0;
            write(0, 4 * BLOCK, 1);
            writeFua(BLOCK, 2 * BLOCK, 2);
            write(2 * BLOCK, BLOCK, 3);
            cutAndRestore(survivors);
            boolean first = survivors.choice() == Survivors.Choice.ALL
                    || survivors.sequences().contains(1L);
            boolean third = survivors.choice() == Survivors.Choice.ALL
                    || survivors.sequences().contains(3L);
            assertThat(valueAt(0)).as("below, beside, %s", survivors).isEqualTo(first ? 1 : 0);
            assertThat(valueAt(BLOCK)).as("FUA, %s", survivors).isEqualTo(2);
            assertThat(valueAt(2 * BLOCK)).as("above, %s", survivors).isEqualTo(third ? 3 : 2);
            assertThat(valueAt(3 * BLOCK)).as("below, beside, %s", survivors).isEqualTo(first ? 1 : 0);
        }
    }

    @Test
    void aFlushedWriteOverAnOlderOneUnderWayStays() throws Exception {
        long older = begin(0, 3 * BLOCK, 1);
        write(BLOCK, BLOCK, 2);
        flush();
        cache.completed(older);
        assertThat(cache.unflushed())
                .extracting(UnflushedWrite::offset)
                .as("what the older write still has in the cache")
                .containsExactly(0L, 2L * BLOCK);
        cutAndRestore();
        assertThat(valueAt(0)).isZero();
        assertThat(valueAt(BLOCK)).isEqualTo(2);
        assertThat(valueAt(2 * BLOCK)).isZero();
    }

    @Test
    void anOlderFlushedWriteComesBackWhenTheOneOverItIsLost() throws Exception {
        write(0, BLOCK, 1);
        long position = cache.position();
        write(0, BLOCK, 2);
        cache.flush(0, position);
        cutAndRestore();
        assertThat(valueAt(0)).isEqualTo(1);
    }

    @Test
    void aDiscardIsCachedLikeAWrite() throws Exception {
        write(0, 2 * PAGE, 1);
        flush();
        discard(0, PAGE);
        cache.completed(cache.writeZeroes(PAGE, PAGE, false, ++sequence, System.nanoTime(), cache.position()));
        assertThat(valueAt(0)).isZero();
        assertThat(valueAt(PAGE)).isZero();
        assertThat(cache.unflushed())
                .extracting(UnflushedWrite::operation)
                .containsExactly(Operation.DISCARD, Operation.WRITE_ZEROES);
        cutAndRestore();
        assertThat(valueAt(0)).isEqualTo(1);
        assertThat(valueAt(PAGE)).isEqualTo(1);
        discard(0, PAGE);
        flush();
        cutAndRestore();
        assertThat(valueAt(0)).isZero();
    }

    @Test
    void withoutAVolatileCacheEachWriteIsDurable() throws Exception {
        use(new WriteCache(new MemoryStore(SIZE), BLOCK, false, evicted::add));
        write(0, BLOCK, 1);
        assertThat(cache.unflushed()).isEmpty();
        cutAndRestore();
        assertThat(valueAt(0)).isEqualTo(1);
    }

    // ---- what it costs ----

    @Test
    void whatWasNeverWrittenCostsNothingToSave() throws Exception {
        use(new WriteCache(new MemoryStore(1L << 40), BLOCK, true, evicted::add));
        discard(0, 1L << 40);
        write(1L << 39, PAGE, 1);
        discard(0, 1L << 38);
        assertThat(cache.savedMemory()).isZero();
        discard(0, 1L << 40);
        assertThat(cache.savedMemory()).as("for a page").isEqualTo(PAGE);
        cutAndRestore();
        assertThat(valueAt(1L << 39)).isZero();
        assertThat(evicted).isEmpty();
    }

    @Test
    void aDiscardedRangeIsAsGoodAsNeverWritten() throws Exception {
        write(0, 16 * PAGE, 1);
        discard(0, 16 * PAGE);
        flush();
        write(0, 16 * PAGE, 2);
        assertThat(cache.savedMemory()).isZero();
        cutAndRestore();
        assertThat(valueAt(PAGE)).isZero();
    }

    @Test
    void memoryIsUsedAgainAfterAFlush() throws Exception {
        write(0, SIZE, 1);
        flush();
        for (int round = 0; round < 200; round++) {
            write(0, SIZE, round);
            write(0, PAGE, round);
            assertThat(cache.savedMemory()).isEqualTo(SIZE + PAGE);
            assertThat(cache.memory().memory()).isLessThanOrEqualTo(4 * Chunk.SIZE);
            flush();
        }
        assertThat(cache.savedMemory()).as("with nothing cached").isZero();
    }

    @Test
    void beyondItsLimitTheOldestWritesBecomeDurable() throws Exception {
        cache.limit(3 * BLOCK);
        for (int i = 0; i < 5; i++) {
            write((long) i * BLOCK, BLOCK, i + 1);
        }
        assertThat(cache.unflushed()).extracting(UnflushedWrite::sequence).containsExactly(3L, 4L, 5L);
        assertThat(evicted).containsExactly(1L, 2L);
        assertThat(cache.evictions()).isEqualTo(2);
        cutAndRestore();
        assertThat(valueAt(0)).isEqualTo(1);
        assertThat(valueAt(BLOCK)).isEqualTo(2);
        assertThat(valueAt(2 * BLOCK)).isZero();
        assertThat(valueAt(4 * BLOCK)).isZero();
    }

    @Test
    void aLowerLimitEvictsAtOnceAndALimitOfNothingCachesNothing() throws Exception {
        write(0, BLOCK, 1);
        write(BLOCK, BLOCK, 2);
        cache.limit(BLOCK);
        assertThat(cache.unflushed()).extracting(UnflushedWrite::sequence).containsExactly(2L);
        cache.limit(0);
        write(0, BLOCK, 3);
        assertThat(cache.unflushed()).isEmpty();
        cutAndRestore();
        assertThat(valueAt(0)).isEqualTo(3);
        assertThatThrownBy(() -> cache.limit(-1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("limit is -1. Allowed: at least 0 bytes; 0 makes each write durable at once.");
    }

    @Test
    void whatIsSavedForDiscardsCountsToTheLimit() throws Exception {
        use(new WriteCache(new MemoryStore(64 << 20), BLOCK, true, evicted::add));
        for (long at = 0; at < 64 << 20; at += 1 << 20) {
            write(at, 1 << 20, 1);
        }
        flush();
        cache.limit(8 << 20);
        discard(0, 64 << 20);
        assertThat(cache.savedMemory()).isLessThanOrEqualTo(9 << 20);
        assertThat(evicted).containsExactly(sequence);
        cutAndRestore();
        assertThat(valueAt(0)).as("evicted, so durable").isZero();
        assertThat(valueAt((64 << 20) - BLOCK)).as("still cached, so undone").isEqualTo(1);
    }

    @Test
    void oneSmallWriteInEachChunkDoesNotKeepAllTheMemory() throws Exception {
        use(new WriteCache(new MemoryStore(256 << 20), BLOCK, true, evicted::add));
        for (long at = 0; at < 256 << 20; at += 1 << 20) {
            write(at, 1 << 20, 1);
        }
        flush();
        cache.limit(2 << 20);
        // Each round leaves a block under way and the rest of a chunk free.
        for (int i = 0; i < 128; i++) {
            begin((long) i << 20, BLOCK, 2);
            write(128L << 20, (1 << 20) - BLOCK, 2);
            flush();
        }
        assertThat(cache.savedMemory()).isLessThanOrEqualTo(128 * BLOCK);
        assertThat(cache.memory().memory())
                .as("half as much again as there is, and two chunks")
                .isLessThanOrEqualTo(((256 + 1) * 3L / 2 + 3 * 8) << 20);
    }

    @Test
    void aWriteAllocatesNothing() throws Exception {
        var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        long thread = Thread.currentThread().getId();
        NativeMemory data = NativeMemory.allocate(PAGE);
        long before = 0;
        // The first rounds make what stays: chunks, pages of the log, buffers over the memory.
        for (int i = 0; i < 20_000; i++) {
            if (i == 10_000) {
                before = threads.getThreadAllocatedBytes(thread);
            }
            long position = cache.position();
            long offset = (long) (i % 200) * PAGE;
            boolean fua = i % 10 == 0;
            cache.completed(cache.writeFrom(data.buffer(), 0, offset, PAGE, fua, i, i, position));
            if (i % 50 == 0) {
                cache.flush(0, cache.position());
            }
        }
        assertThat(threads.getThreadAllocatedBytes(thread) - before)
                .as("bytes allocated by 10000 writes")
                .isLessThan(10_000);
    }

    // ---- reporting ----

    @Test
    void unflushedSaysWhatHowOldAndSinceWhichMark() throws Exception {
        long now = System.nanoTime();
        cache.mark("before");
        cache.mark("start");
        cache.completed(cache.write(
                0, filled(PAGE, 1), false, 7, now - Duration.ofSeconds(5).toNanos(), cache.position()));
        cache.mark("middle");
        cache.write(PAGE, filled(BLOCK, 1), false, 9, now, cache.position());
        cache.mark("end");
        List<UnflushedWrite> writes = cache.unflushed();
        assertThat(writes).hasSize(2);
        UnflushedWrite first = writes.get(0);
        assertThat(first.age()).isBetween(Duration.ofSeconds(5), Duration.ofSeconds(30));
        assertThat(first)
                .isEqualTo(new UnflushedWrite(7, Operation.WRITE, 0, PAGE, true, first.age(), Optional.of("start")));
        assertThat(writes.get(1).sinceMark()).contains("middle");
        assertThat(writes.get(1).completed()).isFalse();
        assertThat(writes.get(1).toString())
                .startsWith("#9 WRITE of 512 bytes at 4096, ")
                .endsWith("since mark \"middle\", not answered yet");
    }

    // ---- power ----

    @Test
    void whatCameBeforeACutFailsForEver() throws Exception {
        write(0, BLOCK, 1);
        long position = cache.position();
        ByteBuffer data = filled(BLOCK, 2);
        List<ThrowingCallable> calls = List.of(
                () -> cache.write(0, data.duplicate(), false, 5, 0, position),
                () -> cache.writeFrom(data, 0, 0, BLOCK, false, 5, 0, position),
                () -> cache.read(0, ByteBuffer.allocate(BLOCK), position),
                () -> cache.locate(0, BLOCK, position, new Parts()),
                () -> cache.discard(0, BLOCK, 5, 0, position),
                () -> cache.writeZeroes(0, BLOCK, true, 5, 0, position),
                () -> cache.flush(0, position));
        assertThat(cache.isCurrent(position)).isTrue();
        cache.cut(Survivors.ALL);
        assertRefused(calls);
        assertThat(cache.isCurrent(position)).isFalse();
        long whileOff = cache.position();
        cache.restore();
        assertRefused(calls);
        assertThat(cache.isCurrent(position)).isFalse();
        assertThat(cache.isCurrent(whileOff))
                .as("what came while the power was off")
                .isFalse();
        assertThat(valueAt(0)).isEqualTo(1);
    }

    private static void assertRefused(List<ThrowingCallable> calls) {
        for (ThrowingCallable call : calls) {
            assertThatThrownBy(call)
                    .isInstanceOfSatisfying(
                            BlockIOException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EIO))
                    .hasMessage("The power is off, or was cut while the request was under way.");
        }
    }

    @Test
    void theStoreKeepsItsContentUntilThePowerIsBack() throws Exception {
        use(new WriteCache(new MemoryStore(SIZE), BLOCK, true, evicted::add));
        write(0, BLOCK, 1);
        Parts parts = new Parts();
        assertThat(cache.locate(0, BLOCK, cache.position(), parts)).isTrue();
        long address = parts.addresses()[0];
        NativeMemory seen = NativeMemory.allocate(BLOCK);
        cache.cut(Survivors.NONE);
        try (StoreSnapshot afterwards = cache.snapshot()) {
            seen.copyFrom(address, 0, BLOCK);
            assertThat(seen.buffer().get(0)).as("for a read under way").isEqualTo((byte) 1);
            ByteBuffer durable = ByteBuffer.allocate(BLOCK);
            afterwards.read(0, durable);
            assertThat(durable.get(0)).as("for a snapshot").isZero();
        }
        cache.restore();
        assertThat(valueAt(0)).isZero();
    }

    @Test
    void aSecondCutDoesNothingAndRestoringTwiceIsNoError() throws Exception {
        assertThat(cache.powered()).isTrue();
        write(0, BLOCK, 1);
        assertThat(cache.cut(Survivors.ALL).writes()).hasSize(1);
        assertThat(cache.powered()).isFalse();
        assertThat(cache.cut(Survivors.NONE).writes()).isEmpty();
        assertThat(cache.cuts()).isEqualTo(1);
        assertThat(cache.unflushed()).isEmpty();
        cache.restore();
        cache.restore();
        assertThat(cache.powered()).isTrue();
        assertThat(valueAt(0)).isEqualTo(1);
    }

    @Test
    void aPrefixSurvives() throws Exception {
        for (int i = 0; i < 4; i++) {
            write((long) i * BLOCK, BLOCK, i + 1);
        }
        CutReport report = cutAndRestore(Survivors.prefix(2));
        assertThat(report.kept()).extracting(CutReport.CutWrite::sequence).containsExactly(1L, 2L);
        assertThat(report.lost()).extracting(CutReport.CutWrite::sequence).containsExactly(3L, 4L);
        assertThat(valueAt(BLOCK)).isEqualTo(2);
        assertThat(valueAt(2 * BLOCK)).isZero();
    }

    @Test
    void survivorsAreAppliedInTheOrderOfTheWrites() throws Exception {
        write(0, BLOCK, 1);
        write(0, BLOCK, 2);
        write(0, BLOCK, 3);
        cutAndRestore(Survivors.of(2, 1));
        assertThat(valueAt(0)).isEqualTo(2);
    }

    @Test
    void piecesOfARequestShareItsFate() throws Exception {
        cache.completed(cache.write(0, filled(BLOCK, 1), false, 4, 0, cache.position()));
        cache.completed(cache.write(4 * BLOCK, filled(BLOCK, 1), false, 4, 0, cache.position()));
        cache.completed(cache.write(8 * BLOCK, filled(BLOCK, 1), false, 5, 0, cache.position()));
        cutAndRestore(Survivors.prefix(1));
        assertThat(valueAt(0)).isEqualTo(1);
        assertThat(valueAt(4 * BLOCK)).isEqualTo(1);
        assertThat(valueAt(8 * BLOCK)).isZero();
    }

    @Test
    void aRequestThatIsNotInTheCacheIsNamedAndNothingIsCut() throws Exception {
        write(0, BLOCK, 1);
        assertThatThrownBy(() -> cache.cut(Survivors.of(1, 17)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("The survivors name the requests [17], which are not in the cache. The cache has [1];"
                        + " disk.unflushed() lists them. What a flush or FUA has made durable survives anyway.");
        assertThat(cache.powered()).isTrue();
        assertThat(valueAt(0)).isEqualTo(1);
    }

    @Test
    void randomSurvivorsNeedASeed() {
        assertThatThrownBy(() -> cache.cut(Survivors.random()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("have no seed")
                .hasMessageContaining("withSeed(long)");
        assertThat(cache.powered()).isTrue();
    }

    @Test
    void theSameSeedKeepsTheSame() throws Exception {
        for (int i = 0; i < 200; i++) {
            write((long) i * 4 * BLOCK, 4 * BLOCK, 1);
        }
        List<List<Fate>> seen = new ArrayList<>();
        for (long seed : new long[] {5, 5, 6}) {
            try (StoreSnapshot snapshot = cache.snapshot(Survivors.random(seed).torn())) {
                List<Fate> fates = new ArrayList<>();
                for (int i = 0; i < 200; i++) {
                    ByteBuffer data = ByteBuffer.allocate(4 * BLOCK);
                    snapshot.read((long) i * 4 * BLOCK, data);
                    int sum = 0;
                    for (int block = 0; block < 4; block++) {
                        sum += data.get(block * BLOCK);
                    }
                    fates.add(sum == 0 ? Fate.LOST : sum == 4 ? Fate.KEPT : Fate.TORN);
                }
                seen.add(fates);
            }
        }
        assertThat(seen.get(0)).isEqualTo(seen.get(1)).isNotEqualTo(seen.get(2));
        assertThat(seen.get(0)).contains(Fate.LOST, Fate.TORN).doesNotContain(Fate.KEPT);
        assertThat(seen.get(0).stream().filter(fate -> fate == Fate.TORN).count())
                .isBetween(60L, 140L);
    }

    @Test
    void aTornWriteKeepsSomeLogicalBlocksAndASingleBlockIsWhole() throws Exception {
        write(0, 8 * BLOCK, 1);
        write(64 * BLOCK, BLOCK, 2);
        CutReport report = cutAndRestore(Survivors.ALL.torn().withSeed(3));
        assertThat(report.torn()).hasSize(1);
        CutReport.CutWrite torn = report.torn().get(0);
        long kept = 0;
        for (int block = 0; block < 8; block++) {
            long at = (long) block * BLOCK;
            boolean isKept = torn.kept().stream()
                    .anyMatch(range -> range.offset() <= at && at < range.offset() + range.length());
            assertThat(valueAt(at)).as("block %d of %s", block, torn).isEqualTo(isKept ? 1 : 0);
            kept += isKept ? 1 : 0;
        }
        assertThat(kept).isBetween(1L, 7L);
        assertThat(valueAt(64 * BLOCK)).isEqualTo(2);
        assertThat(report.kept()).extracting(CutReport.CutWrite::sequence).containsExactly(2L);
        assertThat(report.toString())
                .startsWith("power cut, survivors: all, each torn, seed 3; of 2 cached writes 1 kept, 0 lost, 1 torn")
                .contains("TORN #1 WRITE of 4096 bytes at 0, of it kept ")
                .contains("KEPT #2 WRITE of 512 bytes at 32768");
    }

    @Test
    void onlyTheLastSurvivorIsTorn() throws Exception {
        write(0, 8 * BLOCK, 1);
        write(8 * BLOCK, 8 * BLOCK, 2);
        write(16 * BLOCK, BLOCK, 3);
        CutReport report =
                cutAndRestore(Survivors.ALL.torn(Survivors.Tearing.LAST).withSeed(1));
        assertThat(report.torn()).extracting(CutReport.CutWrite::sequence).containsExactly(2L);
        assertThat(report.kept()).extracting(CutReport.CutWrite::sequence).containsExactly(1L, 3L);
    }

    @Test
    void aHypotheticalCutLeavesTheDiskAsItIs() throws Exception {
        write(0, BLOCK, 1);
        try (StoreSnapshot snapshot = cache.snapshot(Survivors.NONE)) {
            ByteBuffer data = ByteBuffer.allocate(BLOCK);
            snapshot.read(0, data);
            assertThat(data.get(0)).isZero();
        }
        assertThat(valueAt(0)).isEqualTo(1);
        assertThat(cache.powered()).isTrue();
        assertThat(cache.unflushed()).hasSize(1);
    }

    @Test
    void closingAfterACutLeavesTheDurableContent() throws Exception {
        MemoryStore store = new MemoryStore(SIZE);
        WriteCache own = new WriteCache(store, BLOCK, true, evicted::add);
        own.completed(own.write(0, filled(BLOCK, 1), false, 1, 0, own.position()));
        own.cut(Survivors.NONE);
        try (StoreSnapshot after = own.snapshot()) {
            own.close();
            ByteBuffer data = ByteBuffer.allocate(BLOCK);
            after.read(0, data);
            assertThat(data.get(0)).isZero();
            assertThat(after.size()).isEqualTo(SIZE);
        }
        assertThatThrownBy(() -> store.read(0, ByteBuffer.allocate(BLOCK))).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(own::snapshot)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("This disk is closed.");
        assertThatThrownBy(own::restore).isInstanceOf(IllegalStateException.class);
        own.close();
    }

    @Test
    void aRangeOutsideIsRefusedBeforeAnythingIsCached() {
        for (long offset : new long[] {-BLOCK, SIZE, Long.MAX_VALUE - BLOCK}) {
            assertThatThrownBy(() -> begin(offset, 2 * BLOCK, 1)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> discard(offset, 2 * BLOCK)).isInstanceOf(IndexOutOfBoundsException.class);
        }
        assertThat(cache.unflushed()).isEmpty();
    }
}
