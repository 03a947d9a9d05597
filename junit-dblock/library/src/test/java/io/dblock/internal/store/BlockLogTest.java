// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.DblockException;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.internal.journal.JournalRing;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.NativeMemory;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The log under disks, snapshots and forks: what they read, and what memory that takes. */
@Timeout(value = 240, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class BlockLogTest {
    private static final int BLOCK = BlockLog.BLOCK;

    /** The content of a block says which block it is, and of which version. */
    private static ByteBuffer content(long block, int blocks, long version) {
        ByteBuffer data = ByteBuffer.allocate(blocks * BLOCK);
        for (int i = 0; i < blocks; i++) {
            for (int word = 0; word < BLOCK / 16; word++) {
                data.putLong(block + i).putLong(version);
            }
        }
        return data.flip();
    }

    private static void write(WriteCache disk, long block, int blocks, long version) throws IOException {
        disk.completed(disk.write(block * BLOCK, content(block, blocks, version), false, version, 0, disk.position()));
    }

    /** Returns the version of a block, 0 if it was never written; fails if it is another block, or of two versions. */
    private static long version(Source source, long block) throws IOException {
        ByteBuffer data = ByteBuffer.allocate(BLOCK);
        source.read(block * BLOCK, data);
        data.flip();
        long version = data.getLong(Long.BYTES);
        ByteBuffer expected = content(version == 0 ? 0 : block, 1, version);
        if (data.mismatch(expected) >= 0) {
            assertThat(data).as("block %d, version %d", block, version).isEqualTo(expected);
        }
        return version;
    }

    // ---- a model ----

    /** A disk and what it must be: for each block, its version now and after a cut. */
    private static final class Modelled {
        final MemoryStore store;
        final WriteCache disk;
        long[] now;
        long[] durable;

        Modelled(MemoryStore store, long[] content) {
            this.store = store;
            disk = new WriteCache(store, BLOCK, true, evicted -> {});
            now = content.clone();
            durable = content.clone();
        }
    }

    @SuppressWarnings("ArrayRecordComponent") // compared by nobody
    private record Taken(StoreSnapshot snapshot, long[] content) {}

    private static void check(Source source, long[] expected, Random random, String where) throws IOException {
        for (int i = 0; i < 40; i++) {
            int block = random.nextInt(expected.length);
            assertThat(version(source, block)).as("block %d, %s", block, where).isEqualTo(expected[block]);
        }
    }

    /** Disks, forks of forks, snapshots, cuts and closes in any order, over a log that is compacted all the time. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whatDisksTheirSnapshotsAndForksReadIsWhatAModelSays(boolean image) throws Exception {
        int blocks = 24_000;
        for (long seed = 1; seed <= 3; seed++) {
            Random random = new Random(seed);
            long[] first = new long[blocks];
            MemoryStore root;
            if (image) {
                MemoryStore below = new MemoryStore((long) blocks * BLOCK);
                for (int block = 0; block < blocks / 2; block++) {
                    first[block] = 1;
                }
                below.write(0, content(0, blocks / 2, 1), io.dblock.handler.WriteFlags.NONE);
                root = new MemoryStore(below);
            } else {
                root = new MemoryStore((long) blocks * BLOCK);
            }
            BlockLog log = root.log;
            List<Modelled> disks = new ArrayList<>(List.of(new Modelled(root, first)));
            List<Taken> taken = new ArrayList<>();
            long version = 1;
            for (int step = 0; step < 3000; step++) {
                String where = "seed " + seed + ", step " + step;
                Modelled one = disks.get(random.nextInt(disks.size()));
                int block = random.nextInt(blocks);
                int count = Math.min(blocks - block, 1 + random.nextInt(random.nextInt(8) == 0 ? 2000 : 64));
                switch (random.nextInt(20)) {
                    case 0 -> {
                        one.disk.flush(0, one.disk.position());
                        one.durable = one.now.clone();
                    }
                    case 1 -> {
                        one.disk.completed(one.disk.discard(
                                (long) block * BLOCK, (long) count * BLOCK, ++version, 0, one.disk.position()));
                        Arrays.fill(one.now, block, block + count, 0);
                    }
                    case 2 -> {
                        one.disk.cut(Survivors.NONE);
                        if (random.nextBoolean()) {
                            log.compact();
                        }
                        one.disk.restore();
                        one.now = one.durable.clone();
                    }
                    case 3 -> {
                        if (random.nextBoolean()) {
                            taken.add(new Taken(one.disk.snapshot(), one.now.clone()));
                        } else {
                            taken.add(new Taken(one.disk.snapshot(Survivors.NONE), one.durable.clone()));
                        }
                    }
                    case 4 -> {
                        if (!taken.isEmpty() && disks.size() < 4) {
                            Taken of = taken.get(random.nextInt(taken.size()));
                            disks.add(new Modelled(of.snapshot().fork(), of.content()));
                        }
                    }
                    case 5 -> {
                        if (taken.size() > 4 || (!taken.isEmpty() && random.nextInt(4) == 0)) {
                            taken.remove(random.nextInt(taken.size()))
                                    .snapshot()
                                    .close();
                        }
                    }
                    case 6 -> {
                        if (disks.size() > 1 && random.nextInt(3) == 0) {
                            disks.remove(one);
                            one.disk.close();
                        }
                    }
                    case 7 -> log.compact();
                    default -> {
                        write(one.disk, block, count, ++version);
                        Arrays.fill(one.now, block, block + count, version);
                    }
                }
                if (step % 10 == 0) {
                    for (Modelled each : disks) {
                        check(each.store, each.now, random, where);
                    }
                    for (Taken each : taken) {
                        check(each.snapshot(), each.content(), random, "a snapshot, " + where);
                    }
                }
            }
            for (Modelled each : disks) {
                for (int block = 0; block < blocks; block++) {
                    assertThat(version(each.store, block))
                            .as("block %d, seed %d", block, seed)
                            .isEqualTo(each.now[block]);
                }
                each.disk.close();
            }
            for (Taken each : taken) {
                each.snapshot().close();
            }
            assertThat(log.memory()).as("nothing is left, seed %d", seed).isZero();
        }
    }

    /** Any choice of survivors: each block is what the newest of its survivors wrote, or what was durable. */
    @Test
    void aCutLeavesOfEachBlockWhatItsNewestSurvivorWrote() throws Exception {
        int blocks = 200;
        for (long seed = 1; seed <= 40; seed++) {
            Random random = new Random(seed);
            try (MemoryStore store = new MemoryStore((long) blocks * BLOCK);
                    WriteCache disk = new WriteCache(store, BLOCK, true, evicted -> {})) {
                write(disk, 0, blocks, 1);
                disk.flush(0, disk.position());
                for (int i = 2; i < 40; i++) {
                    int block = random.nextInt(blocks);
                    write(disk, block, 1 + random.nextInt(Math.min(blocks - block, 50)), i);
                    if (random.nextInt(5) == 0) {
                        store.log.compact();
                    }
                }
                Survivors survivors = Survivors.random(seed).torn();
                CutReport report = disk.cut(survivors);
                long[] expected = new long[blocks];
                Arrays.fill(expected, 1);
                for (CutReport.CutWrite write : report.writes()) {
                    for (CutReport.Range range : write.kept()) {
                        Arrays.fill(
                                expected,
                                (int) range.offset() / BLOCK,
                                (int) (range.offset() + range.length()) / BLOCK,
                                write.sequence());
                    }
                }
                disk.restore();
                for (int block = 0; block < blocks; block++) {
                    assertThat(version(store, block))
                            .as("block %d, seed %d", block, seed)
                            .isEqualTo(expected[block]);
                }
            }
        }
    }

    // ---- memory ----

    /** Twelve times; {@code -Ddblock.unit.rewrites=1000 -Djunit.jupiter.execution.timeout.mode=disabled} takes two minutes. */
    @ParameterizedTest
    @ValueSource(ints = {1, 8, 0})
    void aDiskThatIsRewrittenAtRandomTakesNoMoreThanThreeTimesItsSize(int blocksOfAWrite) throws Exception {
        long size = 64 << 20;
        int all = (int) (size / BLOCK);
        Random random = new Random(blocksOfAWrite);
        try (MemoryStore store = new MemoryStore(size);
                WriteCache disk = new WriteCache(store, BLOCK, true, evicted -> {});
                JournalRing journal = new JournalRing()) {
            ByteBuffer data = ByteBuffer.allocateDirect(256 << 10);
            Chunk chunk = store.log.take(data.capacity());
            long most = 0;
            long sinceFlush = 0;
            for (long written = 0; written < Integer.getInteger("dblock.unit.rewrites", 12) * size; ) {
                int blocks = blocksOfAWrite == 0 ? 1 << random.nextInt(9) : blocksOfAWrite;
                int length = blocks * BLOCK;
                long offset = (long) random.nextInt(all / blocks) * length;
                if (chunk.room() < data.capacity()) {
                    store.log.giveBack(chunk);
                    chunk = store.log.take(data.capacity());
                }
                int index = chunk.put(data, 0, length);
                long sequence = journal.begin(0, Batch.OP_WRITE, 0, offset, length, 0);
                journal.data(sequence, chunk, index, length);
                disk.completed(disk.write(chunk, index, offset, length, false, sequence, 0, disk.position()));
                journal.end(sequence, 0, 0, List.of());
                written += length;
                sinceFlush += length;
                if (sinceFlush > 4 << 20) {
                    disk.flush(0, disk.position());
                    sinceFlush = 0;
                    most = Math.max(most, store.log.memory());
                }
            }
            store.log.giveBack(chunk);
            assertThat(most).as("the most memory of chunks").isBetween(size, 3 * size);
        }
    }

    /** To get memory again and again costs more than all else that a write does. */
    @Test
    void aDiskThatIsRewrittenUsesItsMemoryAgain() throws Exception {
        AtomicInteger got = new AtomicInteger();
        BlockLog log = new BlockLog(
                null,
                false,
                size -> {
                    got.incrementAndGet();
                    return NativeMemory.allocateMapped(size);
                },
                new ArrayDeque<>());
        int chunks = 16;
        Random random = new Random(3);
        try (MemoryStore store = new MemoryStore(log, (long) chunks * Chunk.SIZE);
                WriteCache disk = new WriteCache(store, BLOCK, true, evicted -> {})) {
            for (int i = 0; i < 12 * chunks * Chunk.BLOCKS / 8; i++) {
                write(disk, 8L * random.nextInt(chunks * Chunk.BLOCKS / 8), 8, i);
                if (i % 1000 == 0) {
                    disk.flush(0, disk.position());
                }
            }
            assertThat(got.get()).as("chunks that memory was got for").isBetween(chunks, 2 * chunks);
        }
    }

    /** What a disk keeps for a cut is forgotten soon: whatever is moved early is moved in vain. */
    @Test
    void littleIsMovedOfADiskThatKeepsItsWritesForACut() throws Exception {
        BlockLog log = new BlockLog(null, false, NativeMemory::allocateMapped, new ArrayDeque<>());
        int blocks = 4 * Chunk.BLOCKS / 8;
        long size = (long) blocks * 8 * BLOCK;
        Random random = new Random(4);
        try (MemoryStore store = new MemoryStore(log, size);
                WriteCache disk = new WriteCache(store, BLOCK, true, evicted -> {})) {
            disk.limit(4 * size);
            for (int i = 0; i < 16 * blocks; i++) {
                write(disk, 8L * random.nextInt(blocks), 8, i);
            }
            long before = log.moved();
            for (int i = 0; i < 16 * blocks; i++) {
                write(disk, 8L * random.nextInt(blocks), 8, i);
            }
            assertThat((double) (log.moved() - before) / (16L * 8 * blocks))
                    .as("blocks moved for each block written")
                    .isBetween(0.001, 0.25);
        }
    }

    @Test
    void aChunkGetsItsPagesTogetherInUserModeLinux() throws Exception {
        Chunk chunk = new Chunk(new BlockLog(), 1, new BlockLog.Spare(NativeMemory.allocateMapped(Chunk.SIZE), 0));
        chunk.put(ByteBuffer.allocate(BLOCK), 0, BLOCK);
        assertThat(Mapping.heldIn(chunk.memory().address(), Chunk.SIZE)).isGreaterThanOrEqualTo(BlockLog.TOGETHER);
        chunk.put(ByteBuffer.allocate(BlockLog.TOGETHER), 0, BlockLog.TOGETHER);
        assertThat(Mapping.heldIn(chunk.memory().address(), Chunk.SIZE)).isGreaterThanOrEqualTo(2 * BlockLog.TOGETHER);
    }

    /** As if in User Mode Linux, where the pages of each chunk are got by who writes. */
    @Test
    void theNextDiskGetsThePagesOfOneThatHasWrittenLittle() throws Exception {
        ArrayDeque<BlockLog.Spare> spare = new ArrayDeque<>();
        spare.push(new BlockLog.Spare(NativeMemory.allocateMapped(Chunk.SIZE), 0));
        for (int round = 1; round <= 3; round++) {
            BlockLog log = new BlockLog(
                    null,
                    false,
                    size -> {
                        throw new DblockException("a new chunk is mapped");
                    },
                    spare);
            try (MemoryStore store = new MemoryStore(log, Chunk.SIZE);
                    WriteCache disk = new WriteCache(store, BLOCK, false, evicted -> {})) {
                write(disk, 8, 8, round);
                assertThat(version(store, 7)).isZero();
                assertThat(version(store, 8)).isEqualTo(round);
                assertThat(version(store, 16))
                        .as("what only the disk before has written")
                        .isZero();
                write(disk, 16, round == 1 ? 8 : 0, round);
            }
            assertThat(spare).hasSize(1);
            assertThat(spare.peek().present()).as("pages that are there").isEqualTo(BlockLog.TOGETHER);
        }
    }

    @Test
    void aRangeInManyPartsIsFound() throws Exception {
        try (MemoryStore store = new MemoryStore(Chunk.SIZE);
                WriteCache disk = new WriteCache(store, BLOCK, true, evicted -> {})) {
            List<Long> order = new ArrayList<>();
            for (long block = 0; block < Parts.MOST + 200; block++) {
                order.add(block);
            }
            Collections.shuffle(order, new Random(1));
            for (long block : order) {
                write(disk, block, 1, block + 1);
            }
            disk.discard(100 * BLOCK, 50 * BLOCK, 1000, 0, disk.position());
            Parts found = new Parts();
            assertThat(locate(store, 0, 512, found)).isTrue();
            assertThat(found.count()).isGreaterThan(400);
            long at = 0;
            for (int part = 0; part < found.count(); part++) {
                long address = found.addresses()[part];
                int length = Math.toIntExact(found.lengths()[part]);
                assertThat(address == 0).as("zeros at " + at).isEqualTo(at >= 100 * BLOCK && at < 150 * BLOCK);
                if (address != 0) {
                    ByteBuffer there = NativeMemory.bufferAt(address, length);
                    assertThat(there).isEqualTo(content(store, at, length).order(there.order()));
                }
                at += length;
            }
            assertThat(at).isEqualTo(512 * BLOCK);
            assertThat(locate(store, 0, Parts.MOST + 200, found))
                    .as("a range in too many parts")
                    .isFalse();
            assertThat(version(store, Parts.MOST + 199)).isEqualTo(Parts.MOST + 200);
        }
    }

    private static ByteBuffer content(MemoryStore store, long offset, int length) throws IOException {
        ByteBuffer content = ByteBuffer.allocate(length);
        store.read(offset, content);
        return content.flip();
    }

    private static boolean locate(MemoryStore store, long first, long blocks, Parts found) {
        int reading = store.log.enter();
        try {
            return store.locate(first * BLOCK, blocks * BLOCK, found);
        } finally {
            store.log.exit(reading);
        }
    }

    @Test
    void aReaderKeepsWhatItHasFound() throws Exception {
        try (MemoryStore store = new MemoryStore(Chunk.SIZE);
                WriteCache disk = new WriteCache(store, BLOCK, false, evicted -> {})) {
            write(disk, 0, 8, 1);
            Parts found = new Parts();
            int reading = store.log.enter();
            assertThat(store.locate(0, 8 * BLOCK, found)).isTrue();
            ByteBuffer seen = NativeMemory.bufferAt(found.addresses()[0], 8 * BLOCK);
            for (int round = 2; round < 12; round++) {
                write(disk, 0, Chunk.BLOCKS, round);
            }
            assertThat(store.log.memory()).as("nothing is freed meanwhile").isGreaterThan(9L * Chunk.SIZE);
            assertThat(seen).isEqualTo(content(0, 8, 1).order(seen.order()));
            store.log.exit(reading);
            write(disk, 0, 8, 12);
            // Three, and two that are kept.
            assertThat(store.log.memory()).isLessThanOrEqualTo(5L * Chunk.SIZE);
        }
    }

    /** It has come to a node through one index, and stands there while that node becomes another's. */
    @Test
    void aReaderSeesNoChangeOfAnotherIndex() throws Exception {
        BlockLog log = new BlockLog();
        Chunk chunk = log.take(Chunk.SIZE);
        BlockIndex disk = new BlockIndex(log);
        disk.set(0, 8, chunk.place(0));
        BlockIndex.Node seen = disk.leaf(0);
        BlockIndex fork = disk.copy();
        disk.set(0, 1, chunk.place(8 * BLOCK));
        fork.set(1, 2, BlockLog.BELOW);
        assertThat(seen.places().get(1)).isEqualTo(chunk.place(BLOCK));
        fork.release();
        seen = disk.leaf(0);
        BlockIndex snapshot = disk.copy();
        snapshot.set(0, 1, BlockLog.BELOW);
        disk.set(1, 2, BlockLog.BELOW);
        assertThat(seen.places().get(1)).as("for a reader of the snapshot").isEqualTo(chunk.place(BLOCK));
    }

    /** The chunk that is moved to first has room for a part only, and nothing else in it is needed. */
    @Test
    void whatIsMovedToAChunkThatIsFullThenStaysThere() throws Exception {
        try (MemoryStore store = new MemoryStore(4L * Chunk.SIZE);
                WriteCache disk = new WriteCache(store, BLOCK, false, evicted -> {})) {
            write(disk, 0, Chunk.BLOCKS, 1);
            write(disk, Chunk.BLOCKS, Chunk.BLOCKS - 200, 2);
            disk.discard((long) Chunk.SIZE, (Chunk.BLOCKS - 200L) * BLOCK, 3, 0, disk.position());
            for (int block = 0; block < Chunk.BLOCKS; block++) {
                if (block % 8 != 0) {
                    disk.discard((long) block * BLOCK, BLOCK, 3, 0, disk.position());
                }
            }
            store.log.compact();
            // Takes what is left of the chunk that was moved to last.
            write(disk, 2L * Chunk.BLOCKS, 14_500, 4);
            for (int block = 0; block < Chunk.BLOCKS; block++) {
                assertThat(version(store, block)).as("block %d", block).isEqualTo(block % 8 == 0 ? 1 : 0);
            }
        }
    }

    // ---- threads ----

    /** Each thread has blocks of its own, and a disk and its forks are compacted, cut and copied meanwhile. */
    @Test
    void compactingRacesWithReadersWritersSnapshotsAndCuts() throws Exception {
        int threads = 3;
        int blocks = 8192;
        AtomicBoolean stop = new AtomicBoolean();
        AtomicLong compacted = new AtomicLong();
        AtomicLong located = new AtomicLong();
        ExecutorService executor = Executors.newCachedThreadPool();
        try (MemoryStore store = new MemoryStore((long) threads * blocks * BLOCK);
                WriteCache disk = new WriteCache(store, BLOCK, true, evicted -> {})) {
            List<Future<?>> running = new ArrayList<>();
            for (int t = 0; t < threads; t++) {
                int mine = t;
                running.add(executor.submit(() -> {
                    Random random = new Random(mine);
                    long[] versions = new long[blocks];
                    Parts found = new Parts();
                    for (long version = 1; !stop.get(); version++) {
                        int block = random.nextInt(blocks);
                        int count = Math.min(blocks - block, 1 + random.nextInt(32));
                        write(disk, (long) mine * blocks + block, count, version);
                        Arrays.fill(versions, block, block + count, version);
                        int other = random.nextInt(blocks);
                        assertThat(version(store, (long) mine * blocks + other)).isEqualTo(versions[other]);
                        int reading = store.log.enter();
                        try {
                            if (disk.locate(
                                            ((long) mine * blocks + block) * BLOCK,
                                            (long) count * BLOCK,
                                            disk.position(),
                                            found)
                                    && found.count() == 1) {
                                version(store, (long) mine * blocks + other);
                                assertThat(NativeMemory.bufferAt(found.addresses()[0], count * BLOCK)
                                                .mismatch(content((long) mine * blocks + block, count, version)))
                                        .isNegative();
                            }
                            int from = random.nextInt(blocks - 400);
                            if (disk.locate(
                                    ((long) mine * blocks + from) * BLOCK, 400L * BLOCK, disk.position(), found)) {
                                check(found, (long) mine * blocks + from, versions, from);
                                located.incrementAndGet();
                            }
                        } finally {
                            store.log.exit(reading);
                        }
                        if (version % 64 == 0) {
                            disk.flush(0, disk.position());
                        }
                    }
                    return null;
                }));
            }
            running.add(executor.submit(() -> {
                while (!stop.get()) {
                    store.log.compact();
                    compacted.incrementAndGet();
                }
                return null;
            }));
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(6);
            int rounds = 0;
            while (System.nanoTime() < end || compacted.get() < 20 || located.get() < 20) {
                try (StoreSnapshot snapshot = disk.snapshot();
                        StoreSnapshot cut =
                                disk.snapshot(Survivors.random(rounds).torn());
                        WriteCache fork = new WriteCache(snapshot.fork(), BLOCK, true, evicted -> {})) {
                    long[] seen = new long[200];
                    for (int i = 0; i < seen.length; i++) {
                        seen[i] = version(snapshot, i * 113L);
                        version(cut, i * 113L);
                        write(fork, i * 113L, 1, 1_000_000 + i);
                    }
                    fork.cut(Survivors.prefix(100));
                    fork.restore();
                    try (StoreSnapshot after = fork.snapshot()) {
                        for (int i = 0; i < seen.length; i++) {
                            assertThat(version(snapshot, i * 113L)).isEqualTo(seen[i]);
                            assertThat(version(after, i * 113L)).isEqualTo(i < 100 ? 1_000_000 + i : seen[i]);
                        }
                    }
                }
                rounds++;
                for (Future<?> one : running) {
                    if (one.isDone()) {
                        one.get();
                    }
                }
            }
            stop.set(true);
            for (Future<?> one : running) {
                one.get(60, TimeUnit.SECONDS);
            }
        } finally {
            stop.set(true);
            executor.shutdown();
        }
    }

    /** Each block that was found is of the version it should be. */
    private static void check(Parts found, long first, long[] versions, int from) {
        int block = 0;
        for (int part = 0; part < found.count(); part++) {
            int blocks = (int) (found.lengths()[part] / BLOCK);
            ByteBuffer data = found.addresses()[part] == 0
                    ? null
                    : NativeMemory.bufferAt(found.addresses()[part], blocks * BLOCK);
            for (int i = 0; i < blocks; i++, block++) {
                long version = versions[from + block];
                if (data == null) {
                    assertThat(version).isZero();
                } else {
                    assertThat(data.slice(i * BLOCK, BLOCK).mismatch(content(first + block, 1, version)))
                            .as("block %d, version %d", first + block, version)
                            .isNegative();
                }
            }
        }
    }

    // ---- no memory ----

    @Test
    void withoutMemoryAWriteFailsAndNothingElseDoes() throws Exception {
        AtomicInteger left = new AtomicInteger();
        ArrayDeque<BlockLog.Spare> spare = new ArrayDeque<>();
        BlockLog log = new BlockLog(
                null,
                false,
                size -> {
                    if (left.getAndDecrement() <= 0) {
                        throw new DblockException("Cannot map " + size + " bytes of memory: simulated");
                    }
                    return NativeMemory.allocateMapped(size);
                },
                spare);
        int blocks = 4 * Chunk.BLOCKS;
        Random random = new Random(5);
        long[] now = new long[blocks];
        long[] durable = new long[blocks];
        int failed = 0;
        int done = 0;
        try (MemoryStore store = new MemoryStore(log, (long) blocks * BLOCK);
                WriteCache disk = new WriteCache(store, BLOCK, true, evicted -> {})) {
            for (int i = 1; i <= 3000; i++) {
                left.set(random.nextInt(100) == 0 ? 1 : 0);
                spare.clear();
                int block = random.nextInt(blocks);
                int count = Math.min(blocks - block, 1 + random.nextInt(1000));
                try {
                    write(disk, block, count, i);
                    Arrays.fill(now, block, block + count, i);
                    done++;
                } catch (BlockIOException e) {
                    assertThat(e.errno()).isEqualTo(Errno.ENOMEM);
                    failed++;
                }
                if (i % 50 == 0) {
                    disk.flush(0, disk.position());
                    durable = now.clone();
                } else if (i % 120 == 0) {
                    disk.cut(Survivors.NONE);
                    disk.restore();
                    now = durable.clone();
                } else if (i % 90 == 0) {
                    disk.completed(disk.discard((long) block * BLOCK, (long) count * BLOCK, i, 0, disk.position()));
                    Arrays.fill(now, block, block + count, 0);
                }
                check(store, now, random, "step " + i);
            }
            assertThat(failed).isGreaterThan(100);
            assertThat(done).isGreaterThan(100);
        }
        spare.clear();
        left.set(0);
        assertThatThrownBy(() -> log.take(Chunk.SIZE))
                .isInstanceOf(BlockIOException.class)
                .hasMessageContaining("There is no memory for what is written to the disk");
    }
}
