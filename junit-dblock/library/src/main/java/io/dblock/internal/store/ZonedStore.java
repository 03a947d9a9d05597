// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.WriteFlags;
import io.dblock.handler.Zones;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Keeps a zoned device's data in memory and enforces the rules of its zones: those of ZBC, ZAC and ZNS as far as Linux
 * knows them, see {@code linux/blkzoned.h}.
 * <ul>
 * <li>A zone that is not conventional is written only at its write pointer, by {@code write} or {@code append}. It is
 * full when written to its end.
 * <li>A write to an empty or closed zone opens it implicitly. If the limit of open zones is reached, opening a zone
 * closes an implicitly open one; if all are open explicitly, it fails with ETOOMANYREFS. Exceeding the limit of active
 * zones, open or closed, fails with EOVERFLOW.
 * <li>Data beyond the write pointer reads as zeros, and so does the content from before a reset.
 * <li>Opening a full zone, closing an empty or full zone, and opening or closing a conventional zone fail with EIO.
 * Otherwise, requesting the state that a zone already has succeeds.
 * </ul>
 *
 * <p>Offsets and lengths are in bytes. Safe for use by several threads; {@link #close()} must not overlap with any
 * other call.
 */
public final class ZonedStore implements AutoCloseable {
    /** The size of a struct blk_zone in bytes. */
    public static final int REPORTED = 64;

    private static final int SECTOR = 512;

    // The members of struct blk_zone.
    private static final int START = 0;
    private static final int LENGTH = 8;
    private static final int WRITE_POINTER = 16;
    private static final int TYPE = 24;
    private static final int CONDITION = 25;
    private static final int CAPACITY = 32;

    private static final int CONVENTIONAL = 1;
    private static final int SEQUENTIAL = 2;

    /** The conditions of a zone, with the numbers of enum blk_zone_cond. */
    public enum Condition {
        /** Conventional: the zone has no write pointer. */
        NOT_WRITE_POINTER(0x0),
        /** The zone is empty. */
        EMPTY(0x1),
        /** A write has opened the zone. */
        IMPLICITLY_OPEN(0x2),
        /** A request has opened the zone. */
        EXPLICITLY_OPEN(0x3),
        /** The zone has data and is not open. */
        CLOSED(0x4),
        /** The zone was written to its end, or finished. */
        FULL(0xe);

        private final int number;

        Condition(int number) {
            this.number = number;
        }
    }

    /**
     * The state of a zone.
     *
     * @param start where the zone starts, in bytes
     * @param writePointer where the next write goes, in bytes; the end of the zone if it is full or conventional
     */
    public record Zone(long start, long writePointer, Condition condition) {}

    private final MemoryStore data;
    private final Zones zones;

    // Guarded by this.
    private final Condition[] conditions;
    /** In bytes from the start of the zone. */
    private final long[] written;
    /**
     * When a zone was implicitly opened, counted in such events. The one that has been open longest is closed first.
     */
    private final long[] openedAt;

    private long opened;
    private int implicitlyOpen;
    private int explicitlyOpen;
    private int closed;

    /**
     * Creates a store with all zones empty.
     *
     * @param size bytes, a multiple of the zone size
     */
    public ZonedStore(long size, Zones zones) {
        if (size <= 0 || size % zones.size() != 0 || zones.conventional() > size / zones.size()) {
            throw new IllegalArgumentException("size is " + size + ". Allowed: multiples of the zone size ("
                    + zones.size() + " bytes), with at least the " + zones.conventional() + " conventional zones.");
        }
        if (size / zones.size() > Zones.MOST) {
            throw new IllegalArgumentException("size is " + size + ", which is " + size / zones.size() + " zones of "
                    + zones.size() + " bytes. Allowed: " + Zones.MOST + " zones. Make zoneSize larger.");
        }
        this.zones = zones;
        int count = Math.toIntExact(size / zones.size());
        conditions = new Condition[count];
        written = new long[count];
        openedAt = new long[count];
        for (int i = 0; i < count; i++) {
            conditions[i] = i < zones.conventional() ? Condition.NOT_WRITE_POINTER : Condition.EMPTY;
        }
        data = new MemoryStore(size);
    }

    /** Returns the size in bytes. */
    public long size() {
        return data.size();
    }

    /** Returns the memory that data can be put into before it is written from there. */
    public BlockLog memory() {
        return data.log;
    }

    /**
     * Finds where in memory a range is. It stays there until the caller, who has {@linkplain BlockLog#enter entered},
     * exits.
     *
     * @return false if it can only be {@linkplain #read read}
     */
    public boolean locate(long offset, long length, Parts found) {
        data.checkRange(offset, length);
        return data.locate(offset, length, found);
    }

    /** Fills {@code dst} from its position to its limit. */
    public void read(long offset, ByteBuffer dst) throws IOException {
        data.read(offset, dst);
    }

    /** Writes {@code length} bytes that are in a chunk already, from an index on. */
    public synchronized void write(Chunk chunk, int index, long offset, int length) throws BlockIOException {
        claim(offset, length);
        chunk.use(index + length);
        data.set(offset, length, chunk.place(index));
    }

    /** Writes the remaining bytes of a buffer. */
    public synchronized void write(long offset, ByteBuffer src) throws BlockIOException {
        int i = index(offset);
        Condition condition = conditions[i];
        long before = written[i];
        claim(offset, src.remaining());
        boolean done = false;
        try {
            data.write(offset, src, WriteFlags.NONE);
            done = true;
        } finally {
            if (!done) {
                set(i, condition);
                written[i] = before;
            }
        }
    }

    /**
     * Appends {@code length} bytes that are in a chunk already, from an index on, to the zone that starts at
     * {@code zone}.
     *
     * @return where the data was put
     */
    public synchronized long append(Chunk chunk, int index, long zone, int length) throws BlockIOException {
        long offset = end(zone);
        write(chunk, index, offset, length);
        return offset;
    }

    /**
     * Appends the remaining bytes of a buffer.
     *
     * @return where the data was put
     */
    public synchronized long append(long zone, ByteBuffer src) throws BlockIOException {
        long offset = end(zone);
        write(offset, src);
        return offset;
    }

    private long end(long zone) throws BlockIOException {
        int i = sequential(zone, "appended to");
        if (written[i] == zones.size()) {
            // The write pointer of a full zone is where the next zone starts.
            throw wrong(i, "is full");
        }
        return zone + written[i];
    }

    /** Moves the write pointer over a range that is about to be written. */
    private void claim(long offset, long length) throws BlockIOException {
        int i = index(offset);
        if (length > (i + 1) * zones.size() - offset) {
            throw wrong(i, "has no room for " + length + " bytes at " + offset);
        }
        if (conditions[i] == Condition.NOT_WRITE_POINTER) {
            return;
        }
        if (conditions[i] == Condition.FULL) {
            throw wrong(i, "is full");
        }
        if (offset != start(i) + written[i]) {
            throw wrong(i, "is written at " + (start(i) + written[i]) + ", not at " + offset);
        }
        if (length == 0) {
            return;
        }
        if (conditions[i] == Condition.EMPTY || conditions[i] == Condition.CLOSED) {
            makeRoom(i);
            set(i, Condition.IMPLICITLY_OPEN);
            openedAt[i] = ++opened;
        }
        written[i] += length;
        if (written[i] == zones.size()) {
            set(i, Condition.FULL);
        }
    }

    /** Opens a zone explicitly. */
    public synchronized void open(long zone) throws BlockIOException {
        int i = sequential(zone, "opened");
        switch (conditions[i]) {
            case EXPLICITLY_OPEN -> {
                return;
            }
            case FULL -> throw wrong(i, "is full and cannot be opened");
            case EMPTY, CLOSED -> makeRoom(i);
            default -> {
                // The zone is already open and counts as open.
            }
        }
        set(i, Condition.EXPLICITLY_OPEN);
    }

    /** Closes a zone. */
    public synchronized void close(long zone) throws BlockIOException {
        int i = sequential(zone, "closed");
        switch (conditions[i]) {
            case EMPTY, FULL -> throw wrong(i, "is " + conditions[i] + " and cannot be closed");
            default -> set(i, written[i] == 0 ? Condition.EMPTY : Condition.CLOSED);
        }
    }

    /** Makes a zone full. The unwritten part reads as zeros. */
    public synchronized void finish(long zone) throws BlockIOException {
        int i = sequential(zone, "finished");
        if (conditions[i] == Condition.EMPTY || conditions[i] == Condition.CLOSED) {
            makeRoom(i);
        }
        set(i, Condition.FULL);
        written[i] = zones.size();
    }

    /** Empties a zone. */
    public synchronized void reset(long zone) throws BlockIOException {
        reset(sequential(zone, "reset"));
    }

    /** Empties all zones that are not conventional. */
    public synchronized void resetAll() {
        for (int i = zones.conventional(); i < conditions.length; i++) {
            reset(i);
        }
    }

    private void reset(int i) {
        if (written[i] > 0) {
            data.discard(start(i), zones.size());
        }
        set(i, Condition.EMPTY);
        written[i] = 0;
    }

    /** Makes sure that this zone can be open, too. */
    private void makeRoom(int i) throws BlockIOException {
        boolean active = conditions[i] == Condition.CLOSED;
        int open = implicitlyOpen + explicitlyOpen;
        if (!active && zones.maxActive() > 0 && open + closed >= zones.maxActive()) {
            throw new BlockIOException(
                    Errno.EOVERFLOW, "There are " + (open + closed) + " active zones already, which is the limit");
        }
        if (zones.maxOpen() > 0 && open >= zones.maxOpen()) {
            if (implicitlyOpen == 0) {
                throw new BlockIOException(
                        Errno.ETOOMANYREFS, "There are " + open + " explicitly open zones already, which is the limit");
            }
            closeOldest();
        }
    }

    private void closeOldest() {
        int oldest = -1;
        for (int i = 0; i < conditions.length; i++) {
            if (conditions[i] == Condition.IMPLICITLY_OPEN && (oldest < 0 || openedAt[i] < openedAt[oldest])) {
                oldest = i;
            }
        }
        set(oldest, Condition.CLOSED);
    }

    private void set(int i, Condition condition) {
        count(conditions[i], -1);
        conditions[i] = condition;
        count(condition, 1);
    }

    private void count(Condition condition, int change) {
        switch (condition) {
            case IMPLICITLY_OPEN -> implicitlyOpen += change;
            case EXPLICITLY_OPEN -> explicitlyOpen += change;
            case CLOSED -> closed += change;
            default -> {
                // No limit.
            }
        }
    }

    /** Returns the state of a zone. */
    public synchronized Zone zone(int i) {
        long pointer = conditions[i] == Condition.NOT_WRITE_POINTER ? zones.size() : written[i];
        return new Zone(start(i), start(i) + pointer, conditions[i]);
    }

    /**
     * Fills {@code dst}, which is all zeros, with a struct blk_zone for each zone from the one at {@code offset} on, as
     * many as exist and fit.
     */
    public synchronized void report(long offset, ByteBuffer dst) {
        ByteBuffer out = dst.slice().order(ByteOrder.nativeOrder());
        int at = 0;
        for (int i = index(offset); i < conditions.length && at + REPORTED <= out.limit(); i++) {
            boolean conventional = conditions[i] == Condition.NOT_WRITE_POINTER;
            out.putLong(at + START, start(i) / SECTOR);
            out.putLong(at + LENGTH, zones.size() / SECTOR);
            out.putLong(at + WRITE_POINTER, conventional ? -1 : (start(i) + written[i]) / SECTOR);
            out.put(at + TYPE, (byte) (conventional ? CONVENTIONAL : SEQUENTIAL));
            out.put(at + CONDITION, (byte) conditions[i].number);
            out.putLong(at + CAPACITY, zones.size() / SECTOR);
            at += REPORTED;
        }
    }

    private int index(long offset) {
        if (offset < 0 || offset >= size()) {
            throw new IndexOutOfBoundsException(offset + " is not within the " + size() + " bytes of this store.");
        }
        return (int) (offset / zones.size());
    }

    private long start(int i) {
        return i * zones.size();
    }

    private int sequential(long zone, String what) throws BlockIOException {
        int i = index(zone);
        if (zone != start(i)) {
            throw new BlockIOException(Errno.EIO, "No zone begins at " + zone);
        }
        if (conditions[i] == Condition.NOT_WRITE_POINTER) {
            throw wrong(i, "is conventional and cannot be " + what);
        }
        return i;
    }

    private BlockIOException wrong(int i, String what) {
        return new BlockIOException(Errno.EIO, "Zone " + i + ", which begins at " + start(i) + ", " + what);
    }

    /** Frees the memory. */
    @Override
    public void close() {
        try {
            data.close();
        } catch (IOException e) {
            // There is no layer below that could fail.
            throw new UncheckedIOException(e);
        }
    }
}
