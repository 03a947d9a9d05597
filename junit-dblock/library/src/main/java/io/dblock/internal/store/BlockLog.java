// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.internal.kernel.NativeMemory;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The memory of a disk, its snapshots and its forks: what each write brought, in chunks. What a disk's content is, its
 * {@link BlockIndex} says, and it names blocks of chunks by their <em>place</em>:
 * <ul>
 * <li>a positive number: the chunk's number and the block in it. The next place is the next block, within a chunk.
 * <li>{@link #BELOW}: the block is as in the layer below, an image; without one it is zeros.
 * <li>{@link #ZEROS}.
 * </ul>
 *
 * <p>These hold, and all else follows from them:
 * <ol>
 * <li>A chunk is written behind its used part only, and only by who has {@linkplain #take taken} it. So data does not
 *     change, and a place can be read, copied and named again without a lock, as long as the chunk is there.
 * <li>Whoever names a block counts as a reference of its chunk: each entry of an index, each block of an undo record,
 *     each request of a journal, and who may still write to it. A reference is added only by who has one, or holds the
 *     lock under which one cannot go. So what has none gets none.
 * <li>A chunk without references is retired. Its memory is used again when everybody who could have seen an entry that
 *     named it has gone: readers {@link #enter} before they look at an index, and {@link #exit} when they, and the
 *     kernel, no longer look at what they found there.
 * <li>The indexes and undo logs change with {@link #lock} held, and no data is copied under it. An entry is replaced
 *     before its reference is given back.
 * <li>A node of an index that another index has had, too, is copied before it changes: a reader without a lock may have
 *     come to it through either.
 * <li>The compactor moves the blocks of chunks that are mostly dead, and those that are read together. It changes no
 *     content, so it may change entries of nodes that several indexes share.
 * </ol>
 */
public final class BlockLog {
    /** The unit of an index, in bytes; the least logical block. */
    static final int BLOCK = 512;

    /** The bits of a place with the block in the chunk. */
    static final int CHUNK_SHIFT = Integer.numberOfTrailingZeros(Chunk.SIZE / BLOCK);

    /** The place of a block that is as in the layer below. */
    static final long BELOW = 0;

    /** The place of a block of zeros. */
    static final long ZEROS = -1;

    /** How much memory is got at once, in bytes. */
    static final int TOGETHER = 1 << 16;

    /** A chunk with less room is full. */
    private static final int LEAST_ROOM = 1 << 16;
    /** How many chunks are open although nobody has taken them. */
    private static final int MOST_OPEN = 8;
    /**
     * How many eighths more than its data needs a log may take, beside {@link #SLACK}, until it is compacted in the
     * background, and until whoever writes has to wait for that. What must be moved becomes less with each chunk that is
     * waited for: of what a disk keeps for a cut, the oldest is forgotten first.
     */
    private static final int EIGHTHS = 3;

    private static final int MOST_EIGHTHS = 4;
    /** How many chunks a log may have beyond what its data needs before it is compacted, and how many more are emptied. */
    private static final int SLACK = 2;
    /** How many chunks more may be taken meanwhile: by the compactor, by server threads, and until readers have gone. */
    private static final int UNDER_WAY = 8;
    /**
     * How many blocks are moved at once. The sparsest chunks bring the most; but each time the whole index is looked
     * through, which is larger where more is live. What is moved is there twice until that is done.
     */
    private static final int LEAST_MOVED = Chunk.BLOCKS;

    private static final int MOST_MOVED = 4 * Chunk.BLOCKS;
    private static final int PARTS_OF_MOVED = 12;
    /** For how many chunks a log keeps memory at most, beside what is spare for all disks. */
    static final int MOST_KEPT = 8;
    /** With fewer chunks a log has no reserve. */
    private static final int LEAST_RESERVED = 4;

    /** See {@link #spare}, of all disks. */
    private static final ArrayDeque<Spare> SHARED = new ArrayDeque<>();

    private static final int MOST_SPARE = 8;

    /** So that counters of different epochs do not share a cache line. */
    private static final int APART = 16;

    /** Held by who changes an index or an undo log. */
    final ReentrantLock lock = new ReentrantLock();
    /** The layer below; null if there is none. */
    final Source below;
    /** Whether the layer below changes. What is to be replaced there is copied to the log before. */
    final boolean belowChanges;

    private final Allocator allocator;
    /** Memory of chunks that are gone, for those that come. Guarded by itself. */
    private final ArrayDeque<Spare> spare;

    private final Compactor compactor = new Compactor(this);
    /** How many readers entered in each of three epochs. */
    private final AtomicLongArray readers = new AtomicLongArray(3 * APART);

    private volatile long epoch = 3;
    /** By number, from 1 on. Elements change with the monitor held. */
    private volatile Chunk[] chunks = new Chunk[8];

    // Guarded by the monitor.
    /** The chunks with room that nobody has taken. */
    private final Chunk[] open = new Chunk[MOST_OPEN];

    private int openCount;
    private final ArrayDeque<Chunk> retired = new ArrayDeque<>();
    /** Memory for chunks that is there already: see {@link #mostKept} and {@link #reserve}. */
    private final ArrayDeque<Spare> reserved = new ArrayDeque<>();

    private boolean reserves;
    private int users;

    // Guarded by the lock.
    private final List<BlockIndex> indexes = new ArrayList<>();
    private final List<UndoLog> undoLogs = new ArrayList<>();

    /**
     * Memory for a chunk. Most disks write little: what they got of it is there for the next disk. Its content is what a
     * disk has left, which no place names.
     *
     * @param present up to where its pages are there, or come one by one
     */
    record Spare(NativeMemory memory, int present) {}

    /** Where the memory of chunks comes from. */
    interface Allocator {
        NativeMemory allocate(int size);
    }

    /** Creates a log whose memory no other log gets: a user's handler may look at it too late. */
    public BlockLog() {
        this(null, false, NativeMemory::allocateMapped, new ArrayDeque<>());
    }

    /** Creates a log over a layer below, which is closed with the last user; null if there is none. */
    BlockLog(Source below, boolean belowChanges) {
        this(below, belowChanges, NativeMemory::allocateMapped, SHARED);
    }

    BlockLog(Source below, boolean belowChanges, Allocator allocator, ArrayDeque<Spare> spare) {
        this.below = below;
        this.belowChanges = belowChanges;
        this.allocator = allocator;
        this.spare = spare;
    }

    /** Returns how many blocks this many bytes take. */
    static int blocks(int bytes) {
        return (bytes + BLOCK - 1) / BLOCK;
    }

    /** Returns how zeros are named: without a layer below, what is absent is zeros. */
    long zeros() {
        return below == null ? BELOW : ZEROS;
    }

    /** Returns the place of the block {@code count} behind the one at {@code place}. */
    static long behind(long place, long count) {
        return place > 0 ? place + count : place;
    }

    /** Returns whether two places with data are in the same chunk. */
    static boolean areInOneChunk(long place, long other) {
        return place >>> CHUNK_SHIFT == other >>> CHUNK_SHIFT;
    }

    Chunk chunk(long place) {
        return chunks[(int) (place >>> CHUNK_SHIFT)];
    }

    /** Returns where in its chunk a place is, in bytes. */
    static int index(long place) {
        return (int) (place & (1 << CHUNK_SHIFT) - 1) * BLOCK;
    }

    /** Returns the address of a place with data. */
    long address(long place) {
        return chunk(place).memory.address() + index(place);
    }

    /** Adds references to the blocks from a place on, all in its chunk. */
    void retain(long place, int count) {
        if (place > 0) {
            chunk(place).references.addAndGet(count);
        }
    }

    /** Gives references back. */
    void release(long place, int count) {
        if (place > 0) {
            chunk(place).release(count);
        }
    }

    // ---- who writes to chunks ----

    /**
     * Returns a chunk with this many bytes of room, which nobody else writes to until it is {@linkplain #giveBack given
     * back}.
     *
     * @param room at most {@link Chunk#SIZE}
     * @throws BlockIOException if there is no memory
     */
    public Chunk take(int room) throws BlockIOException {
        boolean pressed;
        synchronized (this) {
            int least = -1;
            for (int i = 0; i < openCount; i++) {
                if (open[i].room() >= room && (least < 0 || open[i].room() < open[least].room())) {
                    least = i;
                }
            }
            if (least >= 0) {
                Chunk chunk = open[least];
                open[least] = open[--openCount];
                return chunk;
            }
            reclaim();
            pressed = pressure() > 1;
        }
        if (pressed && !lock.isHeldByCurrentThread()) {
            compactor.runHere();
        }
        synchronized (this) {
            Chunk chunk = add();
            if (pressure() > 0) {
                compactor.start();
            }
            return chunk;
        }
    }

    /**
     * From now on the log has memory in reserve. So a disk all of whose blocks have been written, and that has nothing to
     * keep for a cut, needs no more of it: the kernel may write there in order to get memory. What has been discarded needs
     * none.
     */
    synchronized void reserve() {
        reserves = true;
    }

    /**
     * Returns for how many chunks memory is kept: no more than the log may still get before it must be compacted. To give
     * pages back and get them again takes longer than all else that a write does.
     */
    private long mostKept() {
        long most = Math.min(Math.max(0, allowed(MOST_EIGHTHS) - count()), MOST_KEPT);
        return users == 0 ? 0 : reserves ? wantedReserve() + SLACK : most;
    }

    /** Returns how many chunks a log has that takes so many eighths more than what it must keep, and {@link #SLACK}. */
    private long allowed(int eighths) {
        return live() * (8 + eighths) / 8 / Chunk.BLOCKS + SLACK;
    }

    /** Returns for how many chunks memory is got before it is needed, see {@link #reserve}. */
    private long wantedReserve() {
        int count = count();
        return !reserves || count < LEAST_RESERVED ? 0 : Math.max(0, allowed(MOST_EIGHTHS) + UNDER_WAY - count);
    }

    private void fillReserve() {
        long wanted = wantedReserve();
        try {
            while (reserved.size() < wanted) {
                NativeMemory memory = allocator.allocate(Chunk.SIZE);
                memory.populate(0, Chunk.SIZE);
                reserved.add(new Spare(memory, Chunk.SIZE));
            }
        } catch (RuntimeException | OutOfMemoryError e) {
            // Then there is less of it. What was to be written has its memory.
        }
    }

    private void trimReserve() {
        long most = reserved.isEmpty() ? 0 : mostKept();
        while (reserved.size() > most) {
            free(reserved.poll());
        }
    }

    private void free(Spare one) {
        boolean kept;
        synchronized (spare) {
            kept = spare.size() < MOST_SPARE;
            if (kept) {
                spare.push(one);
            }
        }
        if (!kept) {
            // It may take long until the garbage collector frees the memory.
            one.memory().giveBack();
        }
    }

    private Chunk add() throws BlockIOException {
        try {
            int number = 1;
            while (number < chunks.length && chunks[number] != null) {
                number++;
            }
            Chunk[] all = number < chunks.length ? chunks : Arrays.copyOf(chunks, 2 * chunks.length);
            Spare memory = reserved.poll();
            if (memory == null) {
                synchronized (spare) {
                    memory = spare.poll();
                }
            }
            if (memory == null) {
                memory = new Spare(allocator.allocate(Chunk.SIZE), 0);
            }
            Chunk chunk = new Chunk(this, number, memory);
            all[number] = chunk;
            chunks = all;
            fillReserve();
            return chunk;
        } catch (RuntimeException | OutOfMemoryError e) {
            throw new BlockIOException(Errno.ENOMEM, "There is no memory for what is written to the disk: " + e);
        }
    }

    /** Ends what {@link #take} began; does nothing for null. */
    public void giveBack(Chunk chunk) {
        if (chunk == null) {
            return;
        }
        synchronized (this) {
            // Few are kept for little: as long as they are open, they are not emptied.
            if (users > 0 && chunk.room() >= (openCount < 2 ? LEAST_ROOM : Chunk.SIZE / 4) && openCount < MOST_OPEN) {
                open[openCount++] = chunk;
                return;
            }
            chunk.open = false;
        }
        chunk.release(1);
    }

    // ---- who looks at chunks ----

    /** Begins to read: what an index names from now on stays until {@link #exit} with the returned number. */
    public int enter() {
        while (true) {
            long now = epoch;
            int slot = (int) (now % 3) * APART;
            readers.incrementAndGet(slot);
            if (epoch == now) {
                return slot;
            }
            readers.decrementAndGet(slot);
        }
    }

    /** Ends what {@link #enter} began. */
    public void exit(int slot) {
        readers.decrementAndGet(slot);
    }

    /** Takes a chunk that nothing names any longer. */
    synchronized void retire(Chunk chunk) {
        chunk.retired = true;
        chunk.retiredAt = epoch;
        retired.add(chunk);
        reclaim();
    }

    /**
     * Frees what was retired two epochs ago. An epoch ends when those who entered in the one before have left: so
     * nobody is left then who had entered when the chunk was retired.
     */
    private void reclaim() {
        for (int i = 0; i < 2 && !retired.isEmpty(); i++) {
            if (readers.get((int) ((epoch + 2) % 3) * APART) != 0) {
                break;
            }
            long next = epoch + 1;
            epoch = next;
        }
        while (!retired.isEmpty() && retired.peek().retiredAt + 2 <= epoch) {
            Chunk chunk = retired.poll();
            chunks[chunk.number] = null;
            reserved.push(chunk.spare());
        }
        trimReserve();
    }

    // ---- who has an index ----

    /** Adds a user: a disk, a snapshot or a journal. */
    public synchronized void use() {
        users++;
    }

    /** Removes a user. With the last one, the layer below is closed. */
    void leave() throws IOException {
        List<Chunk> left;
        synchronized (this) {
            if (--users > 0) {
                return;
            }
            left = List.of(Arrays.copyOf(open, openCount));
            openCount = 0;
            reserves = false;
            reserved.forEach(this::free);
            reserved.clear();
            left.forEach(chunk -> chunk.open = false);
        }
        left.forEach(chunk -> chunk.release(1));
        if (below != null) {
            below.close();
        }
    }

    // The caller holds the lock.

    void add(BlockIndex index) {
        indexes.add(index);
    }

    void remove(BlockIndex index) {
        indexes.remove(index);
    }

    void add(UndoLog undo) {
        undoLogs.add(undo);
    }

    void remove(UndoLog undo) {
        undoLogs.remove(undo);
    }

    List<BlockIndex> indexes() {
        return indexes;
    }

    List<UndoLog> undoLogs() {
        return undoLogs;
    }

    // ---- how much there is ----

    /** Returns the memory of all chunks, and what is kept for more, in bytes. */
    synchronized long memory() {
        reclaim();
        long there = Arrays.stream(chunks).filter(chunk -> chunk != null).count();
        return (there + reserved.size()) * Chunk.SIZE;
    }

    private int count() {
        int count = 0;
        for (Chunk chunk : chunks) {
            if (chunk != null && !chunk.retired) {
                count++;
            }
        }
        return count;
    }

    /** Returns how many blocks are named. */
    private long live() {
        long live = 0;
        for (Chunk chunk : chunks) {
            if (chunk != null && !chunk.retired) {
                live += Math.min(chunk.references.get(), Chunk.BLOCKS);
            }
        }
        return live;
    }

    /** Returns 1 if compacting pays, 2 if it must come before there is more memory, else 0. */
    private int pressure() {
        int count = count();
        return count > allowed(MOST_EIGHTHS) ? 2 : count > allowed(EIGHTHS) ? 1 : 0;
    }

    /**
     * Returns the chunks with the fewest live blocks, of those that are mostly dead and can be emptied: as many as have to
     * be, and a few more. Each has one more reference, which the caller gives back.
     */
    synchronized List<Chunk> sparse() {
        long wanted = (Math.max(0, count() - allowed(EIGHTHS)) + SLACK) * Chunk.BLOCKS;
        long most = Math.max(LEAST_MOVED, Math.min(live() / PARTS_OF_MOVED, MOST_MOVED));
        // The counts go on changing: each is looked at once.
        List<Long> found = new ArrayList<>();
        for (Chunk chunk : chunks) {
            if (chunk != null && !chunk.open && !chunk.retired && chunk.recorded.get() == 0) {
                long live = chunk.references.get();
                if (live < Chunk.BLOCKS * 3 / 4) {
                    found.add(live << Integer.SIZE | chunk.number);
                }
            }
        }
        Collections.sort(found);
        List<Chunk> sparse = new ArrayList<>();
        long moved = 0;
        long freed = 0;
        for (long one : found) {
            moved += one >>> Integer.SIZE;
            if (moved > most || freed >= wanted) {
                break;
            }
            freed += Chunk.BLOCKS - (one >>> Integer.SIZE);
            Chunk chunk = chunks[(int) one];
            if (chunk.retain()) {
                sparse.add(chunk);
            }
        }
        return sparse;
    }

    /** Moves the blocks of a leaf side by side, in the background. */
    void gather(BlockIndex.Node leaf) {
        compactor.gather(leaf);
    }

    /** Returns how many blocks compacting has copied so far. */
    long moved() {
        return compactor.moved();
    }

    /** Empties chunks that are mostly dead. */
    void compact() {
        compactor.runHere();
    }
}
