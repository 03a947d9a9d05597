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
import java.util.function.LongConsumer;

/**
 * The volatile write cache and the power supply of a disk.
 *
 * <p>A write saves the old data of its range and goes to the store at once. So reads need nothing from the cache, a
 * write becomes durable when its old data is dropped, and a power cut restores the old data that is left. A range that
 * was never written has no data to save.
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
    /**
     * How much memory beyond the limit the saved data may take, because each chunk of it still has something in use.
     */
    private static final long FRAGMENTS = 64L << 20;
    /** The bits of a position above this count cuts and restores, the bits below completed writes. */
    private static final int ERA_SHIFT = 44;

    private static final AtomicLong CREATED = new AtomicLong();

    /** Forks have higher numbers than what they are forks of; see {@link #lockAll}. */
    private final long number = CREATED.incrementAndGet();

    private final LiveStore live;
    private final Store store;
    /** The same store if its data is in memory, else null. */
    private final DirectStore direct;

    private final int logicalBlock;
    private final boolean caches;
    private final LongConsumer evicted;
    private final Arena arena = new Arena();
    private final UndoLog log = new UndoLog(arena);
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
    /** What a cut still has to do to the store; null if nothing. */
    private Rollback pending;
    /** Why the rollback failed. */
    private IOException broken;

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
        live = new LiveStore(store);
        this.store = store;
        direct = store instanceof DirectStore memory ? memory : null;
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

    /** Returns whether the store's data is in memory, so that {@link #address} can be used. */
    public boolean isDirect() {
        return direct != null;
    }

    /**
     * Returns where the data at {@code offset} is. It stays there until the power is restored after a cut, so a read
     * under way does not get a mix of old and new data.
     *
     * @throws IllegalStateException if the store has no address
     */
    public long address(long offset, long length, long then) throws BlockIOException {
        if (direct == null) {
            throw new IllegalStateException("This store's data has no address; use read(offset, dst, then).");
        }
        int before = shrinks;
        check(offset, length, then);
        try {
            return direct.address(offset, length);
        } catch (IndexOutOfBoundsException e) {
            checkSince(before, offset, length, then);
            throw e;
        }
    }

    /** Fills {@code dst} from its position to its limit. */
    public void read(long offset, ByteBuffer dst, long then) throws IOException {
        int before = shrinks;
        int length = dst.remaining();
        check(offset, length, then);
        try {
            store.read(offset, dst);
        } catch (IndexOutOfBoundsException | EOFException e) {
            checkSince(before, offset, length, then);
            throw e;
        }
    }

    /**
     * Writes {@code length} bytes of a buffer, from an index on. Only if {@link #isDirect()}.
     *
     * @param fua whether the data is durable on return
     * @param sequence its request's number in the journal
     * @param nanos the time, by {@link System#nanoTime()}
     * @return the ticket for {@link #completed(long)}, to be called before the request is answered; 0 if nothing is
     *     cached
     */
    public long writeFrom(
            ByteBuffer source, int index, long offset, int length, boolean fua, long sequence, long nanos, long then)
            throws IOException {
        live.lock.lock();
        try {
            check(offset, length, then);
            live.preserve(offset, length);
            long ticket = caches && !fua ? save(UndoLog.WRITE, offset, length, sequence, nanos) : 0;
            boolean done = false;
            try {
                direct.writeFrom(source, index, offset, length);
                done = true;
            } finally {
                if (!done) {
                    // What a failed write has left behind is cached like a successful write.
                    completed(ticket);
                }
            }
            if (caches && fua) {
                durable(offset, length);
            }
            return ticket;
        } finally {
            live.lock.unlock();
        }
    }

    /** Writes the remaining bytes of a buffer; works with every store. */
    public long write(long offset, ByteBuffer src, boolean fua, long sequence, long nanos, long then)
            throws IOException {
        int length = src.remaining();
        long ticket = change(UndoLog.WRITE, offset, length, fua, sequence, nanos, then, src, true);
        if (fua) {
            store.flush();
        }
        return ticket;
    }

    /** Discards a range: it reads as zeros. */
    public long discard(long offset, long length, long sequence, long nanos, long then) throws IOException {
        return change(UndoLog.DISCARD, offset, length, false, sequence, nanos, then, null, true);
    }

    /** Makes a range read as zeros. */
    public long writeZeroes(long offset, long length, boolean mayUnmap, long sequence, long nanos, long then)
            throws IOException {
        return change(UndoLog.WRITE_ZEROES, offset, length, false, sequence, nanos, then, null, mayUnmap);
    }

    private long change(
            int operation,
            long offset,
            long length,
            boolean fua,
            long sequence,
            long nanos,
            long then,
            ByteBuffer src,
            boolean mayUnmap)
            throws IOException {
        live.lock.lock();
        try {
            check(offset, length, then);
            live.preserve(offset, length);
            long ticket = caches && !fua ? save(operation, offset, length, sequence, nanos) : 0;
            boolean done = false;
            try {
                switch (operation) {
                    case UndoLog.WRITE -> store.write(offset, src, WriteFlags.NONE);
                    case UndoLog.DISCARD -> store.discard(offset, length);
                    default -> store.writeZeroes(offset, length, mayUnmap);
                }
                done = true;
            } finally {
                if (!done) {
                    // What a failed write has left behind is cached like a successful write.
                    completed(ticket);
                }
            }
            if (caches && fua) {
                durable(offset, length);
            }
            return ticket;
        } finally {
            live.lock.unlock();
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
        if (offset < 0 || length < 0 || offset > store.size() - length) {
            if (offset >= 0 && length >= 0 && offset <= largest - length) {
                throw smaller();
            }
            throw new IndexOutOfBoundsException("The range of " + length + " bytes at " + offset + " is not within the "
                    + store.size() + " bytes of the disk.");
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

    /** Adds records for a range that is about to change; returns the ticket. */
    private long save(int operation, long offset, long length, long sequence, long nanos) throws IOException {
        long id = log.newId();
        long ticket = 0;
        long end = offset + length;
        long at = offset;
        boolean done = false;
        try {
            while (at < end) {
                int slot;
                // The store may know holes smaller than a block. A block with any data in it is saved whole.
                long data = store.findData(at, end);
                long hole = alignDown(data);
                if (hole > at) {
                    slot = log.add(id, operation, at, hole - at, UndoLog.NONE, sequence, nanos);
                } else {
                    long dataEnd = Math.min(alignUp(Math.max(store.findHole(data, end), data + 1)), end);
                    long old = arena.allocate(dataEnd - at);
                    // The record comes first: it frees the memory if the old data cannot be read.
                    slot = log.add(id, operation, at, arena.granted(), old, sequence, nanos);
                    store.read(at, arena.buffer(old), Arena.index(old), arena.granted());
                }
                at = log.end(slot);
                if (ticket == 0) {
                    ticket = log.ticket(slot);
                }
                if (isFull()) {
                    evict();
                }
            }
            done = true;
        } finally {
            if (!done) {
                while (log.last() != UndoLog.NONE && log.id(log.last()) == id) {
                    log.remove(log.last());
                }
            }
        }
        return ticket;
    }

    private long alignDown(long offset) {
        return offset & -logicalBlock;
    }

    private long alignUp(long offset) {
        return offset + logicalBlock - 1 & -logicalBlock;
    }

    private boolean isFull() {
        return log.bytes() > limit || log.count() > MAX_RECORDS || arena.inUse() - FRAGMENTS > limit;
    }

    private void evict() {
        while (log.count() > 0 && (isFull() || log.operation(log.first()) == UndoLog.DURABLE)) {
            boolean write = log.operation(log.first()) != UndoLog.DURABLE;
            long sequence = log.sequence(log.first());
            log.remove(log.first());
            if (write) {
                evictions++;
                if (sequence != lastEvicted) {
                    lastEvicted = sequence;
                    evicted.accept(sequence);
                }
            }
        }
    }

    /**
     * Changes the size of the store.
     *
     * @param bytes a multiple of the logical block
     * @throws IllegalArgumentException if the store cannot have this size
     * @throws IllegalStateException if the power is off
     */
    public void resize(long bytes) throws IOException {
        live.lock.lock();
        try {
            if (!powered) {
                throw new IllegalStateException(
                        "The power of the disk is off, so its size cannot be changed. Restore the power first.");
            }
            long cut = store.size() - bytes;
            if (cut > 0) {
                live.preserve(bytes, cut);
            }
            store.resize(bytes);
            largest = Math.max(largest, bytes);
            if (cut > 0) {
                int shrunk = shrinks + 1;
                shrinks = shrunk;
                durable(bytes, cut);
            }
        } finally {
            live.lock.unlock();
        }
    }

    /** Makes the writes durable that had been completed at that position. */
    public void flush(long then) throws IOException {
        if (!isCurrent(then)) {
            throw off();
        }
        store.flush();
        live.lock.lock();
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
        } finally {
            live.lock.unlock();
        }
    }

    /** Completes a write that is about to be answered: later flushes make it durable. 0 is no write. */
    public void completed(long ticket) {
        if (ticket == 0) {
            return;
        }
        live.lock.lock();
        try {
            complete(ticket);
        } finally {
            live.lock.unlock();
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
        live.lock.lock();
        try {
            for (int i = first; i < count; i++) {
                if (tickets[i] != 0) {
                    complete(tickets[i]);
                }
            }
        } finally {
            live.lock.unlock();
        }
    }

    private void complete(long ticket) {
        long now = position + 1;
        log.complete(ticket, now & (1L << ERA_SHIFT) - 1);
        position = now;
    }

    // ---- the cache's content ----

    /** Sets the mark that later writes are reported to follow. */
    public void mark(String text) {
        live.lock.lock();
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
            live.lock.unlock();
        }
    }

    /** Returns what a cut would lose now, in the order in which it entered the cache. */
    public List<UnflushedWrite> unflushed() {
        live.lock.lock();
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
            live.lock.unlock();
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
        live.lock.lock();
        try {
            limit = bytes;
            if (powered) {
                evict();
            }
        } finally {
            live.lock.unlock();
        }
    }

    /** Returns how many writes, or pieces of writes, became durable because the cache was full. */
    public long evictions() {
        live.lock.lock();
        try {
            return evictions;
        } finally {
            live.lock.unlock();
        }
    }

    /** Returns how much memory the saved data takes, in bytes. */
    long savedMemory() {
        live.lock.lock();
        try {
            return arena.inUse();
        } finally {
            live.lock.unlock();
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
        live.lock.lock();
        try {
            if (!powered) {
                return new CutReport(survivors, List.of());
            }
            Rollback rollback = choose(survivors);
            powered = false;
            int cut = cuts + 1;
            cuts = cut;
            nextEra();
            pending = rollback;
            return new CutReport(survivors, rollback.report());
        } finally {
            live.lock.unlock();
        }
    }

    private Rollback choose(Survivors survivors) {
        Rollback rollback = new Rollback(log, arena, logicalBlock, survivors);
        choices = choices.and(survivors, !rollback.isEmpty());
        return rollback;
    }

    /** Returns what cuts and snapshots had to choose survivors from. */
    public Choices choices() {
        return choices;
    }

    /** Notes that another cache, cut at the same time, had something to choose from. */
    public void choiceFound() {
        live.lock.lock();
        try {
            choices = choices.andFound();
        } finally {
            live.lock.unlock();
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
        live.lock.lock();
        try {
            checkOpen();
            if (powered) {
                return;
            }
            settle();
            nextEra();
            powered = true;
        } finally {
            live.lock.unlock();
        }
    }

    /** Does what a cut still has to do to the store. */
    private void settle() throws IOException {
        checkNotBroken();
        if (pending == null) {
            return;
        }
        try {
            pending.apply(new Rollback.Target() {
                @Override
                public void read(long offset, ByteBuffer dst) throws IOException {
                    store.read(offset, dst);
                }

                @Override
                public void write(long offset, ByteBuffer src) throws IOException {
                    live.preserve(offset, src.remaining());
                    store.write(offset, src, WriteFlags.NONE);
                }

                @Override
                public void zero(long offset, long length) throws IOException {
                    live.preserve(offset, length);
                    store.writeZeroes(offset, length, true);
                }
            });
        } catch (IOException e) {
            broken = e;
            throw e;
        }
        log.clear();
        pending = null;
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
        live.lock.lock();
        try {
            checkOpen();
            checkNotBroken();
            return pending == null ? new StoreSnapshot(live.freeze()) : snapshotAfter(pending);
        } finally {
            live.lock.unlock();
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
        live.lock.lock();
        try {
            checkOpen();
            return powered ? snapshotAfter(choose(survivors)) : snapshot();
        } finally {
            live.lock.unlock();
        }
    }

    /** The store does not change: a reader may still be reading what was right before a cut. */
    private StoreSnapshot snapshotAfter(Rollback rollback) throws IOException {
        Source now = live.freeze();
        boolean done = false;
        try {
            CowStore content = new CowStore(now);
            now = content;
            rollback.apply(new Rollback.Target() {
                @Override
                public void read(long offset, ByteBuffer dst) throws IOException {
                    content.read(offset, dst);
                }

                @Override
                public void write(long offset, ByteBuffer src) throws IOException {
                    content.write(offset, src, WriteFlags.NONE);
                }

                @Override
                public void zero(long offset, long length) throws IOException {
                    content.writeZeroes(offset, length, true);
                }
            });
            done = true;
            return new StoreSnapshot(content);
        } finally {
            if (!done) {
                now.close();
            }
        }
    }

    // ---- several disks at one instant ----

    /**
     * Locks several caches, so that all changes until {@link #unlockAll} happen at one instant. The order is always the
     * same, forks first: they read from what they are forks of.
     */
    public static void lockAll(Collection<WriteCache> caches) {
        caches.stream()
                .sorted(Comparator.comparingLong((WriteCache cache) -> cache.number)
                        .reversed())
                .forEach(cache -> cache.live.lock.lock());
    }

    /** Unlocks caches that the same thread locked with {@link #lockAll}. */
    public static void unlockAll(Collection<WriteCache> caches) {
        caches.forEach(cache -> cache.live.lock.unlock());
    }

    /**
     * Closes the cache: every later call of a request fails. After a cut, the store gets its durable content. The store
     * is closed at once, or with the last snapshot. No address may be in use anymore. Idempotent.
     */
    @Override
    public void close() throws IOException {
        live.lock.lock();
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
                log.clear();
                arena.close();
                live.release();
            }
        } finally {
            live.lock.unlock();
        }
    }
}
