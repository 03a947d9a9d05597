// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.WriteFlags;
import io.dblock.power.CutReport;
import io.dblock.power.CutReport.Range;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongConsumer;

/**
 * The volatile write cache and the power supply of a disk.
 *
 * <p>A write goes to the disk's content at once, and the places of the old data of its range are noted. So reads need
 * nothing from the cache, a write becomes durable when these notes are dropped, and a power cut goes back to the places
 * that are left. A store outside the log, such as an image in place, has one content only: the old data of a range is
 * copied to the log before it changes there.
 * <ul>
 * <li>A flush makes the writes durable that had been completed when it came, no others.
 * <li>A write with FUA makes itself durable, and nothing else.
 * <li>If a durable write covers a part of an older cached write, the older write has lost that part for good.
 * <li>A discard or write-zeroes is cached like a write.
 * <li>Beyond the {@linkplain #limit(long) limit}, the oldest writes become durable.
 * <li>The {@linkplain #resize size} is durable at once. Cached writes beyond a new end can no longer be lost.
 * </ul>
 *
 * <p>Each request takes the {@link #position()} when it comes and passes it to each call. If the power was cut since
 * then, the call fails with EIO, even if the power is back. {@link #isCurrent(long)} checks this before a success is
 * answered.
 *
 * <p>Safe for use by several threads. All offsets and lengths are in bytes, are multiples of the logical block and lie
 * within the store; any other range throws an {@link IndexOutOfBoundsException}. If the range was within the store
 * before it became smaller, the call fails with EIO.
 */
public final class WriteCache implements AutoCloseable {
    /** The default limit: 256 MiB. */
    public static final long DEFAULT_LIMIT = 256L << 20;

    private static final int MAX_RECORDS = 1 << 20;
    /** How much room a chunk has for the old data of a store outside, if that is more. */
    private static final int LEAST_SAVED = 1 << 20;
    /** The bits of a position above this count cuts and restores, the bits below completed writes. */
    private static final int ERA_SHIFT = 44;

    private static final AtomicLong CREATED = new AtomicLong();

    /** For the order of {@link #lockAll}. */
    private final long number = CREATED.incrementAndGet();

    /** What a reader sees. Over a store outside the log, it has nothing of its own. */
    private final MemoryStore content;
    /** The store outside the log that has the data; null if there is none. */
    private final Store outside;

    private final BlockLog memory;
    private final ReentrantLock lock;
    private final int logicalBlock;
    private final boolean caches;
    private final LongConsumer evicted;
    private final UndoLog log;
    private final ArrayDeque<Mark> marks = new ArrayDeque<>();

    // Written with the lock held, read without it.
    private volatile long position;
    private volatile boolean powered = true;
    private volatile int cuts;
    /** The largest size so far. */
    private volatile long largest;
    /** How often the store has become smaller. */
    private volatile int shrinks;

    private volatile Choices choices = Choices.NONE;

    // Guarded by the lock.
    private long limit = DEFAULT_LIMIT;
    private long evictions;
    private long lastEvicted;
    private boolean closed;
    /** The content that a cut has left, until the power is back; null if there was none. */
    private BlockIndex pending;
    /** Why the rollback failed. */
    private IOException broken;
    /** What is told of each request; null if nobody records. */
    private Recording recording;

    private record Mark(String text, long lastId) {}

    /**
     * Creates a cache over a store and takes it over.
     *
     * @param logicalBlock bytes
     * @param caches whether there is a volatile cache; without one, each write is durable at once
     * @param evicted gets the sequence number of each write that became durable, at least in part, because the cache
     *     was full. It is called with the cache locked and must not call it
     */
    public WriteCache(Store store, int logicalBlock, boolean caches, LongConsumer evicted) {
        boolean inMemory = store.inMemory() != null;
        content = inMemory ? store.inMemory() : new MemoryStore(new BlockLog(store, true), store.size());
        outside = inMemory ? null : store;
        memory = content.log;
        lock = memory.lock;
        log = new UndoLog(memory);
        lock.lock();
        try {
            memory.add(log);
        } finally {
            lock.unlock();
        }
        if (!caches && outside == null) {
            memory.reserve();
        }
        this.logicalBlock = logicalBlock;
        this.caches = caches;
        this.evicted = evicted;
        largest = store.size();
    }

    // ---- requests ----

    /**
     * Returns the position for a request that comes now: how many writes have been completed, and that the power was
     * on. The value is opaque and not to be compared.
     */
    public long position() {
        return position;
    }

    /** Returns whether the power has been on from that position until now. */
    public boolean isCurrent(long then) {
        return powered && position >>> ERA_SHIFT == then >>> ERA_SHIFT;
    }

    /** Returns whether the data is in the log, so that {@link #locate} may find it. */
    public boolean isDirect() {
        return outside == null;
    }

    /** Returns whether all data is in the log, so that no request waits for a file. */
    public boolean isInMemory() {
        return outside == null && memory.below == null;
    }

    /** Returns the memory that data can be put into before {@link #write(Chunk, int, long, int, boolean, long, long, long)}. */
    public BlockLog memory() {
        return memory;
    }

    /**
     * Finds where in memory a range is. It stays there until the caller, who has {@linkplain BlockLog#enter entered},
     * exits.
     *
     * @return false if it can only be {@linkplain #read read}
     */
    public boolean locate(long offset, long length, long then, Parts found) throws BlockIOException {
        check(offset, length, then);
        return outside == null && content.locate(offset, length, found);
    }

    /** Fills {@code dst} from its position to its limit. */
    public void read(long offset, ByteBuffer dst, long then) throws IOException {
        int before = shrinks;
        int length = dst.remaining();
        check(offset, length, then);
        try {
            (outside == null ? content : outside).read(offset, dst);
        } catch (IndexOutOfBoundsException | EOFException e) {
            checkSince(before, offset, length, then);
            throw e;
        }
    }

    /**
     * Writes {@code length} bytes that are in a chunk already, from an index on.
     *
     * @param fua whether the data is durable on return
     * @param sequence its request's number in the journal
     * @param nanos the time, by {@link System#nanoTime()}
     * @return the ticket for {@link #completed(long)}, to be called before the request is answered; 0 if nothing is
     *     cached
     */
    public long write(
            Chunk chunk, int index, long offset, int length, boolean fua, long sequence, long nanos, long then)
            throws IOException {
        if (outside != null) {
            return write(offset, chunk.buffer().slice(index, length), fua, sequence, nanos, then);
        }
        chunk.use(index + length);
        return change(UndoLog.WRITE, offset, length, fua, sequence, nanos, then, chunk.place(index), null, true);
    }

    /** Writes {@code length} bytes of a buffer, from an index on. */
    long writeFrom(
            ByteBuffer source, int index, long offset, int length, boolean fua, long sequence, long nanos, long then)
            throws IOException {
        if (outside != null || length > Chunk.SIZE) {
            return write(offset, source.slice(index, length), fua, sequence, nanos, then);
        }
        check(offset, length, then);
        Chunk chunk = memory.take(length);
        try {
            return write(chunk, chunk.put(source, index, length), offset, length, fua, sequence, nanos, then);
        } finally {
            memory.giveBack(chunk);
        }
    }

    /** Writes the remaining bytes of a buffer. */
    public long write(long offset, ByteBuffer src, boolean fua, long sequence, long nanos, long then)
            throws IOException {
        int length = src.remaining();
        if (outside == null && length <= Chunk.SIZE) {
            long ticket = writeFrom(src, src.position(), offset, length, fua, sequence, nanos, then);
            src.position(src.limit());
            return ticket;
        }
        long ticket = change(UndoLog.WRITE, offset, length, fua, sequence, nanos, then, 0, src, true);
        if (fua && outside != null) {
            outside.flush();
        }
        return ticket;
    }

    /** Discards a range: it reads as zeros. */
    public long discard(long offset, long length, long sequence, long nanos, long then) throws IOException {
        return change(UndoLog.DISCARD, offset, length, false, sequence, nanos, then, memory.zeros(), null, true);
    }

    /** Makes a range read as zeros. */
    public long writeZeroes(long offset, long length, boolean mayUnmap, long sequence, long nanos, long then)
            throws IOException {
        return change(
                UndoLog.WRITE_ZEROES, offset, length, false, sequence, nanos, then, memory.zeros(), null, mayUnmap);
    }

    /** Changes a range to what is at a place, or in a buffer if that is not null. */
    private long change(
            int operation,
            long offset,
            long length,
            boolean fua,
            long sequence,
            long nanos,
            long then,
            long place,
            ByteBuffer src,
            boolean mayUnmap)
            throws IOException {
        lock.lock();
        try {
            check(offset, length, then);
            long ticket = save(operation, offset, length, sequence, nanos, caches && !fua);
            boolean done = false;
            try {
                if (outside == null && src != null) {
                    content.write(offset, src, WriteFlags.NONE);
                } else if (outside == null) {
                    content.index.set(offset / BlockLog.BLOCK, (offset + length) / BlockLog.BLOCK, place);
                } else if (operation == UndoLog.WRITE) {
                    outside.write(offset, src, WriteFlags.NONE);
                } else if (operation == UndoLog.DISCARD) {
                    outside.discard(offset, length);
                } else {
                    outside.writeZeroes(offset, length, mayUnmap);
                }
                done = true;
            } finally {
                if (!done) {
                    // What a failed write has left behind is cached like a successful write.
                    completed(ticket);
                    noRecording("a write failed in part");
                }
            }
            if (recording != null) {
                recording.changed(operation, sequence, offset, length, fua || !caches, ticket, content.index);
            }
            if (caches && fua) {
                durable(offset, length);
            }
            return ticket;
        } catch (OutOfMemoryError e) {
            throw new BlockIOException(Errno.ENOMEM, "There is no memory for what the disk's index says: " + e);
        } finally {
            lock.unlock();
        }
    }

    /** Makes the current content of a range durable. */
    private void durable(long offset, long length) {
        log.addMarker(offset, length);
        if (log.count() > MAX_RECORDS) {
            evict();
        }
    }

    private void check(long offset, long length, long then) throws BlockIOException {
        if (!isCurrent(then)) {
            throw off();
        }
        if (offset < 0 || length < 0 || offset > size() - length) {
            if (offset >= 0 && length >= 0 && offset <= largest - length) {
                throw smaller();
            }
            throw new IndexOutOfBoundsException("The range of " + length + " bytes at " + offset + " is not within the "
                    + size() + " bytes of the disk.");
        }
    }

    /**
     * Checks the range again after a read. Reads take no lock, so the disk may become smaller, and larger again, during
     * one.
     *
     * @param before the value of {@link #shrinks} before {@link #check}
     */
    private void checkSince(int before, long offset, long length, long then) throws BlockIOException {
        // The order matters: a shrink is counted before the disk can become larger again.
        check(offset, length, then);
        if (shrinks != before) {
            throw smaller();
        }
    }

    private static BlockIOException smaller() {
        return new BlockIOException(
                Errno.EIO, "The disk was made smaller while a request for what was cut off was under way.");
    }

    private static BlockIOException off() {
        return new BlockIOException(Errno.EIO, "The power is off, or was cut while the request was under way.");
    }

    private long size() {
        return (outside == null ? content : outside).size();
    }

    /**
     * Keeps the old content of a range that is about to change.
     *
     * @param cached whether a cut undoes the change
     * @return the ticket; 0 if it is not cached
     */
    private long save(int operation, long offset, long length, long sequence, long nanos, boolean cached)
            throws IOException {
        if (!cached && (outside == null || !isShared())) {
            return 0;
        }
        long id = cached ? log.newId() : 0;
        long ticket = 0;
        long end = offset + length;
        long at = offset;
        boolean done = false;
        Chunk chunk = null;
        try {
            while (at < end) {
                long first = at / BlockLog.BLOCK;
                long old = content.index.get(first);
                long runEnd = content.index.runEnd(first, end / BlockLog.BLOCK, old) * BlockLog.BLOCK;
                if (old == BlockLog.BELOW && memory.belowChanges) {
                    long last = Math.min(runEnd, memory.below.size());
                    // The store may know holes smaller than a block. A block with any data in it is saved whole.
                    long data = at < last ? memory.below.findData(at, last) : runEnd;
                    long hole = data < last ? data & -logicalBlock : runEnd;
                    if (hole > at) {
                        old = BlockLog.ZEROS;
                        runEnd = hole;
                    } else {
                        long dataEnd = Math.max(memory.below.findHole(data, last), data + 1);
                        runEnd = Math.min(dataEnd + logicalBlock - 1 & -logicalBlock, last);
                        if (chunk == null || chunk.room() < logicalBlock) {
                            memory.giveBack(chunk);
                            chunk = null;
                            chunk = memory.take((int) Math.min(LEAST_SAVED, runEnd - at));
                        }
                        runEnd = Math.min(runEnd, at + (chunk.room() & -logicalBlock));
                        old = saveBelow(chunk, at, (int) (runEnd - at));
                    }
                    if (outside != null) {
                        share(first, runEnd / BlockLog.BLOCK, old);
                    }
                }
                if (cached) {
                    int slot = log.add(id, operation, at, runEnd - at, old, sequence, nanos);
                    if (ticket == 0) {
                        ticket = log.ticket(slot);
                    }
                    if (runEnd % logicalBlock == 0 && isFull()) {
                        evict();
                    }
                }
                at = runEnd;
            }
            done = true;
        } finally {
            memory.giveBack(chunk);
            if (!done) {
                while (cached && log.last() != UndoLog.NONE && log.id(log.last()) == id) {
                    log.remove(log.last());
                }
            }
        }
        return ticket;
    }

    private long saveBelow(Chunk chunk, long offset, int length) throws IOException {
        int index = chunk.used();
        chunk.touch(length);
        memory.below.read(offset, chunk.buffer(), index, length);
        chunk.use(index + length);
        return chunk.place(index);
    }

    /** Returns whether there are snapshots or forks. */
    private boolean isShared() {
        return memory.indexes().size() > (pending == null ? 1 : 2);
    }

    /** Gives old data of the store outside to the snapshots and forks that read it from there. */
    private void share(long first, long end, long place) {
        for (BlockIndex index : memory.indexes()) {
            for (long at = first; at < end && index != content.index && index != pending; ) {
                long seen = index.get(at);
                long runEnd = index.runEnd(at, end, seen);
                if (seen == BlockLog.BELOW) {
                    index.set(at, runEnd, BlockLog.behind(place, at - first));
                }
                at = runEnd;
            }
        }
    }

    private boolean isFull() {
        return log.bytes() > limit || log.count() > MAX_RECORDS;
    }

    private void evict() {
        while (log.count() > 0 && (isFull() || log.operation(log.first()) == UndoLog.DURABLE)) {
            boolean write = log.operation(log.first()) != UndoLog.DURABLE;
            long sequence = log.sequence(log.first());
            removeBlock(log.first());
            if (write) {
                evictions++;
                if (sequence != lastEvicted) {
                    lastEvicted = sequence;
                    evicted.accept(sequence);
                }
            }
        }
    }

    /** Removes a record and those of the rest of its last block. */
    private void removeBlock(int slot) {
        long id = log.id(slot);
        int at = slot;
        boolean within;
        do {
            int next = log.next(at);
            within = log.end(at) % logicalBlock != 0;
            log.remove(at);
            at = next;
        } while (within && at != UndoLog.NONE && log.id(at) == id);
    }

    /**
     * Changes the size of the store.
     *
     * @param bytes a multiple of the logical block
     * @throws IllegalArgumentException if the store cannot have this size
     * @throws IllegalStateException if the power is off
     */
    public void resize(long bytes) throws IOException {
        lock.lock();
        try {
            if (!powered) {
                throw new IllegalStateException(
                        "The power of the disk is off, so its size cannot be changed. Restore the power first.");
            }
            noRecording("the size of the disk was changed");
            long cut = size() - bytes;
            if (cut > 0) {
                save(UndoLog.DISCARD, bytes, cut, 0, 0, false);
            }
            (outside == null ? content : outside).resize(bytes);
            largest = Math.max(largest, bytes);
            if (cut > 0) {
                int shrunk = shrinks + 1;
                shrinks = shrunk;
                durable(bytes, cut);
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * Makes the writes durable that had been completed at that position.
     *
     * @param sequence the number of the flush in the journal
     */
    public void flush(long sequence, long then) throws IOException {
        if (!isCurrent(then)) {
            throw off();
        }
        if (outside != null) {
            outside.flush();
        }
        lock.lock();
        try {
            if (!isCurrent(then)) {
                throw off();
            }
            long upTo = then & (1L << ERA_SHIFT) - 1;
            boolean others = false;
            int slot = log.first();
            while (slot != UndoLog.NONE) {
                int next = log.next(slot);
                boolean marker = log.operation(slot) == UndoLog.DURABLE;
                long completion = log.completion(slot);
                if (!marker && (completion == 0 || completion > upTo)) {
                    others = true;
                } else if (!others) {
                    log.remove(slot);
                } else if (!marker) {
                    log.makeMarker(slot);
                }
                slot = next;
            }
            if (recording != null) {
                recording.flushed(sequence, upTo);
            }
        } finally {
            lock.unlock();
        }
    }

    /** Completes a write that is about to be answered: later flushes make it durable. 0 is no write. */
    public void completed(long ticket) {
        if (ticket == 0) {
            return;
        }
        lock.lock();
        try {
            complete(ticket);
        } finally {
            lock.unlock();
        }
    }

    /** Completes the first {@code count} of these writes, in order. */
    public void completed(long[] tickets, int count) {
        int first = 0;
        while (first < count && tickets[first] == 0) {
            first++;
        }
        if (first == count) {
            return;
        }
        lock.lock();
        try {
            for (int i = first; i < count; i++) {
                if (tickets[i] != 0) {
                    complete(tickets[i]);
                }
            }
        } finally {
            lock.unlock();
        }
    }

    private void complete(long ticket) {
        long now = position + 1;
        log.complete(ticket, now & (1L << ERA_SHIFT) - 1);
        if (recording != null) {
            recording.completed(ticket, now & (1L << ERA_SHIFT) - 1);
        }
        position = now;
    }

    // ---- the cache's content ----

    /** Sets the mark that later writes are reported to follow. */
    public void mark(String text) {
        lock.lock();
        try {
            long oldest = log.count() == 0 ? log.lastId() + 1 : log.id(log.first());
            Mark before = null;
            while (!marks.isEmpty() && marks.peekFirst().lastId() < oldest) {
                before = marks.pollFirst();
            }
            if (before != null) {
                marks.addFirst(before);
            }
            marks.addLast(new Mark(text, log.lastId()));
        } finally {
            lock.unlock();
        }
    }

    /** Returns what a cut would lose now, in the order in which it entered the cache. */
    public List<UnflushedWrite> unflushed() {
        lock.lock();
        try {
            if (!powered) {
                return List.of();
            }
            long now = System.nanoTime();
            List<UnflushedWrite> writes = new ArrayList<>();
            List<Mark> all = new ArrayList<>(marks);
            int mark = 0;
            for (CachedWrite write : CachedWrite.of(log)) {
                while (mark < all.size() && all.get(mark).lastId() < write.id()) {
                    mark++;
                }
                Optional<String> sinceMark = mark == 0
                        ? Optional.empty()
                        : Optional.of(all.get(mark - 1).text());
                Duration age = Duration.ofNanos(Math.max(0, now - write.nanos()));
                for (Range range : write.ranges()) {
                    writes.add(new UnflushedWrite(
                            write.sequence(),
                            write.operation(),
                            range.offset(),
                            range.length(),
                            write.completed(),
                            age,
                            sinceMark));
                }
            }
            return writes;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Sets how much is cached at most: bytes of written data, and bytes saved for discards and write-zeroes. The oldest
     * writes beyond the limit become durable, now and later. There are never more than about a million writes.
     *
     * @param bytes at least 0; default {@link #DEFAULT_LIMIT}
     */
    public void limit(long bytes) {
        if (bytes < 0) {
            throw new IllegalArgumentException(
                    "limit is " + bytes + ". Allowed: at least 0 bytes; 0 makes each write durable at once.");
        }
        lock.lock();
        try {
            limit = bytes;
            if (powered) {
                evict();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Returns how many writes, or pieces of writes, became durable because the cache was full. */
    public long evictions() {
        lock.lock();
        try {
            return evictions;
        } finally {
            lock.unlock();
        }
    }

    /** Returns how much old data is kept for a cut, in bytes. */
    long savedMemory() {
        lock.lock();
        try {
            return log.held();
        } finally {
            lock.unlock();
        }
    }

    // ---- power ----

    /** Returns whether the power is on. */
    public boolean powered() {
        return powered;
    }

    /** Returns how often the power has been cut. */
    public int cuts() {
        return cuts;
    }

    /**
     * Cuts the power. From now on every call of a request fails with EIO, even if the request came before. All data
     * that is not durable is lost, except the survivors. Does nothing if the power is already off.
     *
     * @return what the cut did; without writes if the power was already off
     * @throws IllegalArgumentException if the survivors need a seed and have none, or name a request that is not in the
     *     cache; the power stays on then
     */
    public CutReport cut(Survivors survivors) {
        lock.lock();
        try {
            if (!powered) {
                return new CutReport(survivors, List.of());
            }
            Rollback rollback = choose(survivors);
            pending = after(rollback);
            noRecording("the power was cut");
            powered = false;
            int cut = cuts + 1;
            cuts = cut;
            nextEra();
            return new CutReport(survivors, rollback.report());
        } finally {
            lock.unlock();
        }
    }

    private Rollback choose(Survivors survivors) {
        Rollback rollback = new Rollback(log, logicalBlock, survivors);
        choices = choices.and(survivors, !rollback.isEmpty());
        return rollback;
    }

    /** Returns the content that a cut leaves. */
    private BlockIndex after(Rollback rollback) {
        BlockIndex index = content.index.copy();
        boolean done = false;
        try {
            rollback.apply(index);
            done = true;
            return index;
        } finally {
            if (!done) {
                index.release();
            }
        }
    }

    /** Returns what cuts and snapshots had to choose survivors from. */
    public Choices choices() {
        return choices;
    }

    /** Notes that another cache, cut at the same time, had something to choose from. */
    public void choiceFound() {
        lock.lock();
        try {
            choices = choices.andFound();
        } finally {
            lock.unlock();
        }
    }

    /** Invalidates the positions of all earlier requests. */
    private void nextEra() {
        long next = position + (1L << ERA_SHIFT);
        position = next;
    }

    /**
     * Restores the power; the store then has exactly the durable content. Does nothing if the power is on.
     *
     * @throws IOException if the store cannot be read or written. The power then stays off for good, because the
     *     content after the cut would be unknown
     * @throws IllegalStateException if the cache is closed
     */
    public void restore() throws IOException {
        lock.lock();
        try {
            checkOpen();
            if (powered) {
                return;
            }
            settle();
            nextEra();
            powered = true;
        } finally {
            lock.unlock();
        }
    }

    /** Makes what a cut has left the content. */
    private void settle() throws IOException {
        checkNotBroken();
        if (pending == null) {
            return;
        }
        if (outside == null) {
            content.index.become(pending);
        } else {
            try {
                settleOutside();
            } catch (IOException e) {
                broken = e;
                throw e;
            }
        }
        log.clear();
        pending.release();
        pending = null;
    }

    private void settleOutside() throws IOException {
        long end = outside.size() / BlockLog.BLOCK;
        long at = 0;
        while (at < end) {
            long place = pending.get(at);
            long runEnd = pending.runEnd(at, end, place);
            long offset = at * BlockLog.BLOCK;
            long length = (runEnd - at) * BlockLog.BLOCK;
            if (place != BlockLog.BELOW) {
                save(UndoLog.WRITE, offset, length, 0, 0, false);
            }
            if (place > 0) {
                ByteBuffer data = memory.chunk(place).buffer();
                outside.write(offset, data.slice(BlockLog.index(place), (int) length), WriteFlags.NONE);
            } else if (place == BlockLog.ZEROS) {
                outside.writeZeroes(offset, length, true);
            }
            at = runEnd;
        }
    }

    private void checkNotBroken() throws IOException {
        if (broken != null) {
            throw new IOException("The content that the power cut has left could not be written earlier.", broken);
        }
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("This disk is closed.");
        }
    }

    // ---- snapshots ----

    /**
     * Returns the current content: what a reader sees or, if the power is off, what is durable. The caller closes it.
     *
     * @throws IOException if {@link #restore()} has failed
     * @throws IllegalStateException if the cache is closed
     */
    public StoreSnapshot snapshot() throws IOException {
        lock.lock();
        try {
            checkOpen();
            checkNotBroken();
            return snapshot((pending == null ? content.index : pending).copy());
        } finally {
            lock.unlock();
        }
    }

    /**
     * Returns the content as a power cut now would leave it or, if the power is off, what is durable. The disk itself
     * goes on. The caller closes it.
     *
     * @throws IllegalArgumentException as {@link #cut} does
     * @throws IllegalStateException if the cache is closed
     */
    public StoreSnapshot snapshot(Survivors survivors) throws IOException {
        lock.lock();
        try {
            checkOpen();
            return powered ? snapshot(after(choose(survivors))) : snapshot();
        } finally {
            lock.unlock();
        }
    }

    private StoreSnapshot snapshot(BlockIndex index) {
        return new StoreSnapshot(content.with(index, size()));
    }

    // ---- recordings ----

    /**
     * Makes all content durable, and records what happens from now on. The caller closes the recording.
     *
     * @throws IllegalStateException if the data is not in the log, the power is off, or somebody records already
     */
    public Recording record() {
        lock.lock();
        try {
            checkOpen();
            if (outside != null || !powered || (recording != null && !recording.isEnded())) {
                throw new IllegalStateException("This disk cannot be recorded: "
                        + (outside != null
                                ? "its data is in an image that changes in place."
                                : powered ? "it is being recorded already." : "its power is off."));
            }
            log.clear();
            recording = new Recording(content, logicalBlock);
            return recording;
        } finally {
            lock.unlock();
        }
    }

    private void noRecording(String why) {
        if (recording != null) {
            recording.broken(why);
        }
    }

    /**
     * Makes the content what a recording had at some moment, all of it durable, and the power be on. Requests that are
     * under way fail.
     *
     * @param of a recording of the disk that this one was forked from
     * @param changes what is to be changed before, see {@link Recording#change}
     */
    public void show(Recording of, long[] changes) {
        lock.lock();
        try {
            checkOpen();
            if (outside != null || !of.isOf(memory)) {
                throw new IllegalArgumentException("This disk is not a fork of the one that was recorded.");
            }
            BlockIndex next = of.change(changes).index.copy();
            content.index.become(next);
            next.release();
            log.clear();
            if (pending != null) {
                pending.release();
                pending = null;
            }
            nextEra();
            powered = true;
        } finally {
            lock.unlock();
        }
    }

    // ---- several disks at one instant ----

    /**
     * Locks several caches, so that all changes until {@link #unlockAll} happen at one instant. The order is always the
     * same. A disk and its forks have the same lock.
     */
    public static void lockAll(Collection<WriteCache> caches) {
        caches.stream()
                .sorted(Comparator.comparingLong((WriteCache cache) -> cache.number)
                        .reversed())
                .forEach(cache -> cache.lock.lock());
    }

    /** Unlocks caches that the same thread locked with {@link #lockAll}. */
    public static void unlockAll(Collection<WriteCache> caches) {
        caches.forEach(cache -> cache.lock.unlock());
    }

    /**
     * Closes the cache: every later call of a request fails. After a cut, the store gets its durable content. The store
     * is closed at once, or with the last snapshot. No address may be in use anymore. Idempotent.
     */
    @Override
    public void close() throws IOException {
        lock.lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
            powered = false;
            nextEra();
            try {
                settle();
            } finally {
                if (recording != null) {
                    recording.close();
                }
                log.clear();
                memory.remove(log);
                if (pending != null) {
                    pending.release();
                }
                content.close();
            }
        } finally {
            lock.unlock();
        }
    }
}
