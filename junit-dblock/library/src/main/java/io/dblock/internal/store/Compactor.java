// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.handler.BlockIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntToLongFunction;
import java.util.function.LongPredicate;

/**
 * Moves blocks of a {@link BlockLog}: those of chunks that are mostly dead, and those that are read together from many
 * places. A few entries at a time are looked up with the lock held, their data is copied without it, and then those that
 * still name the same place are changed. What comes into an index behind the compactor's back keeps its chunk until the
 * next time.
 */
final class Compactor {
    /** Blocks in fewer places stay where they are. */
    static final int SCATTERED = 16;

    /** How many entries are collected with the lock held once. */
    private static final int STEP = 8192;
    /** Enough for the blocks of a chunk. */
    private static final int LENGTH_BITS = BlockLog.CHUNK_SHIFT + 1;

    /** For all disks; its thread ends when there is nothing to do. */
    private static final ThreadPoolExecutor EXECUTOR =
            new ThreadPoolExecutor(1, 1, 1, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), work -> {
                Thread thread = new Thread(null, work, "dblock-compactor", 1 << 18);
                thread.setDaemon(true);
                return thread;
            });

    static {
        EXECUTOR.allowCoreThreadTimeOut(true);
    }

    private final BlockLog log;
    private final AtomicBoolean queued = new AtomicBoolean();
    private final ReentrantLock running = new ReentrantLock();
    /** How many blocks were copied from chunks that were emptied. */
    private final AtomicLong moved = new AtomicLong();

    // Of the thread that runs: the entries collected.
    private BlockIndex.Node[] leaves = new BlockIndex.Node[0];
    private int[] slots = new int[0];
    private long[] places = new long[0];
    private int count;
    private Chunk target;
    /** The chunks that were moved to, each with a reference, until all entries that name them have theirs. */
    private final List<Chunk> targets = new ArrayList<>();

    Compactor(BlockLog log) {
        this.log = log;
    }

    /** Runs in the background, unless that is coming. */
    void start() {
        if (!running.isHeldByCurrentThread() && queued.compareAndSet(false, true)) {
            try {
                EXECUTOR.execute(() -> {
                    queued.set(false);
                    runHere();
                });
            } catch (OutOfMemoryError e) {
                // There may be no thread. The log then grows until one who writes runs this.
                queued.set(false);
            }
        }
    }

    /** Runs once. Waits if another thread runs it. The caller does not hold the lock. */
    void runHere() {
        if (running.isHeldByCurrentThread()) {
            return;
        }
        running.lock();
        try {
            List<Chunk> sparse = log.sparse();
            if (!sparse.isEmpty()) {
                empty(sparse);
            }
        } catch (BlockIOException | OutOfMemoryError e) {
            // There is no memory to move to. What was moved is moved.
        } finally {
            running.unlock();
        }
    }

    private void empty(List<Chunk> sparse) throws BlockIOException {
        try {
            makeRoom();
            for (Chunk chunk : sparse) {
                chunk.moved = new long[Chunk.BLOCKS];
            }
            List<BlockIndex> indexes;
            List<UndoLog> undoLogs;
            log.lock.lock();
            try {
                indexes = new ArrayList<>(log.indexes());
                undoLogs = new ArrayList<>(log.undoLogs());
            } finally {
                log.lock.unlock();
            }
            for (BlockIndex index : indexes) {
                move(index);
            }
            for (UndoLog undo : undoLogs) {
                move(undo);
            }
        } finally {
            for (Chunk chunk : sparse) {
                chunk.moved = null;
                chunk.release(1);
            }
            Arrays.fill(leaves, null);
            log.giveBack(target);
            target = null;
            targets.forEach(chunk -> chunk.release(1));
            targets.clear();
        }
    }

    /** Moves the blocks of a leaf side by side, in the background. */
    void gather(BlockIndex.Node leaf) {
        try {
            EXECUTOR.execute(() -> gatherHere(leaf));
        } catch (OutOfMemoryError e) {
            // There may be no thread. The blocks stay where they are until they are read again.
            leaf.gathered(false);
        }
    }

    private void gatherHere(BlockIndex.Node leaf) {
        running.lock();
        int reading = log.enter();
        boolean gathered = false;
        try {
            makeRoom();
            count = 0;
            log.lock.lock();
            try {
                collect(leaf, place -> place > 0);
            } finally {
                log.lock.unlock();
            }
            if (countRuns() >= SCATTERED) {
                Chunk to = log.take(count * BlockLog.BLOCK);
                try {
                    long first = to.place(to.used());
                    for (int i = 0; i < count; ) {
                        int blocks = runOf(i);
                        ByteBuffer from = log.chunk(places[i]).buffer();
                        to.put(from, BlockLog.index(places[i]), blocks * BlockLog.BLOCK);
                        i += blocks;
                    }
                    replace(i -> first + i);
                } finally {
                    log.giveBack(to);
                }
                gathered = true;
            }
        } catch (BlockIOException | OutOfMemoryError e) {
            // There is no memory to move to.
        } finally {
            Arrays.fill(leaves, 0, count, null);
            log.exit(reading);
            leaf.gathered(gathered);
            running.unlock();
        }
    }

    private int countRuns() {
        int runs = 0;
        for (int i = 0; i < count; i += runOf(i)) {
            runs++;
        }
        return runs;
    }

    /** Returns how many blocks were copied so far because the chunk they were in was mostly dead. */
    long moved() {
        return moved.get();
    }

    private void makeRoom() {
        if (places.length == 0) {
            leaves = new BlockIndex.Node[STEP + BlockIndex.FAN];
            slots = new int[STEP + BlockIndex.FAN];
            places = new long[STEP + BlockIndex.FAN];
        }
    }

    private boolean isMoving(long place) {
        return place > 0 && log.chunk(place).moved != null;
    }

    private void move(BlockIndex index) throws BlockIOException {
        long from = 0;
        while (from >= 0) {
            count = 0;
            log.lock.lock();
            try {
                int looked = 0;
                from = index.nextLeaf(from);
                while (from >= 0 && count < STEP && looked++ < STEP / 16) {
                    collect(index.leaf(from), this::isMoving);
                    from = index.nextLeaf(from + BlockIndex.FAN);
                }
            } finally {
                log.lock.unlock();
            }
            for (int i = 0; i < count; ) {
                i += copy(places[i], runOf(i));
            }
            replace(i -> movedTo(places[i]));
        }
    }

    private void collect(BlockIndex.Node leaf, LongPredicate wanted) {
        Places all = leaf.places();
        if (!leaf.isOwned() || (all.areSideBySide() && !wanted.test(all.get(0)))) {
            return;
        }
        for (int i = 0; i < BlockIndex.FAN; i++) {
            long place = all.get(i);
            if (wanted.test(place)) {
                leaves[count] = leaf;
                slots[count] = i;
                places[count++] = place;
            }
        }
    }

    /** Makes the collected entries name the places that their data was copied to. */
    private void replace(IntToLongFunction to) {
        if (count == 0) {
            return;
        }
        log.lock.lock();
        try {
            int next;
            for (int i = 0; i < count; i = next) {
                BlockIndex.Node leaf = leaves[i];
                long place = to.applyAsLong(i);
                next = i + 1;
                while (next < count
                        && followsTheOneBefore(next)
                        && to.applyAsLong(next) == place + next - i
                        && BlockLog.areInOneChunk(place, place + next - i)) {
                    next++;
                }
                if (leaf.isOwned()) {
                    leaf.places().replace(slots[i], slots[i] + next - i, places[i], place);
                }
                if (next == count || leaves[next] != leaf) {
                    leaf.places().join();
                }
            }
        } finally {
            log.lock.unlock();
        }
    }

    /** Returns whether a collected entry is just behind the one before, in the same leaf, and so is its place. */
    private boolean followsTheOneBefore(int i) {
        return leaves[i] == leaves[i - 1] && slots[i] == slots[i - 1] + 1 && places[i] == places[i - 1] + 1;
    }

    /** Returns how many of the collected places, from {@code first} on, are side by side in one chunk. */
    private int runOf(int first) {
        int i = first + 1;
        while (i < count && places[i] == places[i - 1] + 1 && log.chunk(places[i]) == log.chunk(places[first])) {
            i++;
        }
        return i - first;
    }

    private long movedTo(long place) {
        return log.chunk(place).moved[BlockLog.index(place) / BlockLog.BLOCK];
    }

    /** Copies up to {@code most} blocks that are side by side, unless that is done; returns how many are done. */
    private int copy(long place, int most) throws BlockIOException {
        if (movedTo(place) != 0) {
            return 1;
        }
        int blocks = 1;
        while (blocks < most && movedTo(place + blocks) == 0) {
            blocks++;
        }
        if (target == null || target.room() < blocks * BlockLog.BLOCK) {
            log.giveBack(target);
            target = null;
            target = log.take(blocks * BlockLog.BLOCK);
            target.retain();
            targets.add(target);
        }
        Chunk from = log.chunk(place);
        int at = target.put(from.buffer(), BlockLog.index(place), blocks * BlockLog.BLOCK);
        for (int i = 0; i < blocks; i++) {
            from.moved[BlockLog.index(place) / BlockLog.BLOCK + i] = target.place(at) + i;
        }
        moved.addAndGet(blocks);
        return blocks;
    }

    private void move(UndoLog undo) throws BlockIOException {
        long[] ids = new long[STEP];
        do {
            count = 0;
            log.lock.lock();
            try {
                for (int slot = undo.first(); slot != UndoLog.NONE && count < STEP; slot = undo.next(slot)) {
                    if (isMoving(undo.old(slot))) {
                        slots[count] = slot;
                        ids[count] = undo.id(slot);
                        places[count++] = undo.old(slot) << LENGTH_BITS | undo.length(slot) / BlockLog.BLOCK;
                    }
                }
            } finally {
                log.lock.unlock();
            }
            for (int i = 0; i < count; i++) {
                moveTogether(places[i] >>> LENGTH_BITS, (int) (places[i] & (1 << LENGTH_BITS) - 1));
            }
            log.lock.lock();
            try {
                for (int i = 0; i < count; i++) {
                    long old = places[i] >>> LENGTH_BITS;
                    undo.move(slots[i], ids[i], old, movedTo(old));
                }
            } finally {
                log.lock.unlock();
            }
        } while (count == STEP);
    }

    /** A record needs its blocks side by side. If they were moved apart, they are copied once more. */
    private void moveTogether(long place, int blocks) throws BlockIOException {
        long to = movedTo(place);
        for (int i = 1; i < blocks; i++) {
            if (movedTo(place + i) != to + i) {
                to = 0;
                break;
            }
        }
        if (to == 0) {
            int first = BlockLog.index(place) / BlockLog.BLOCK;
            Arrays.fill(log.chunk(place).moved, first, first + blocks, 0);
            copy(place, blocks);
        }
    }
}
