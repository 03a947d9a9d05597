// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The cached writes of a disk, oldest first: for each range, the place of its old content. A write is one record, or
 * several consecutive records with its number. Not thread-safe; allocates only when it grows.
 *
 * <p>If durable data covers older cached writes, a marker says so. Removing the range from these writes at once would
 * mean to search all of them on each FUA write. {@link CachedWrite#of} removes it when it reads the log. A marker
 * without older writes has no use.
 *
 * <p>A record is identified by its slot, a small number that is reused.
 */
final class UndoLog {
    static final int NONE = -1;
    static final int WRITE = 0;
    static final int DISCARD = 1;
    static final int WRITE_ZEROES = 2;
    /** A marker, not a write: older records of its range are durable, or overwritten by durable data. */
    static final int DURABLE = 3;

    private static final int SLOT_BITS = 24;
    private static final int PAGE_SHIFT = 10;
    /** How many records the first page starts with. */
    private static final int FIRST = 1 << 5;
    /** How many pages are kept when there is no record. */
    private static final int KEPT_PAGES = 64;
    /** How many longs a record has: a cache line. */
    private static final int FIELDS = 8;

    /** The half of LINKS with the next newer record; the other half has the next older one. */
    private static final long NEWER = 0xffffffffL;

    private static final int OFFSET = 0;
    private static final int LENGTH = 1;
    private static final int OLD = 2;
    private static final int SEQUENCE = 3;
    private static final int NANOS = 4;
    private static final int COMPLETION = 5;
    private static final int LINKS = 6;
    private static final int ID = 7;

    private final BlockLog memory;
    private final List<long[]> pages = new ArrayList<>();
    private int freeSlot = NONE;
    private int slots;
    private int first = NONE;
    private int last = NONE;
    private int count;
    private long bytes;
    private long held;
    private long lastId;

    /** Creates a log. Its records have references to the old data, which is here. */
    UndoLog(BlockLog memory) {
        this.memory = memory;
    }

    // The fields of a slot. In a free slot, LINKS has the next free one.

    private long get(int slot, int field) {
        return pages.get(slot >>> PAGE_SHIFT)[(slot & (1 << PAGE_SHIFT) - 1) * FIELDS + field];
    }

    private void set(int slot, int field, long value) {
        pages.get(slot >>> PAGE_SHIFT)[(slot & (1 << PAGE_SHIFT) - 1) * FIELDS + field] = value;
    }

    private void link(int before, int after) {
        if (before == NONE) {
            first = after;
        } else {
            set(before, LINKS, (get(before, LINKS) & ~NEWER) | (after & NEWER));
        }
        if (after == NONE) {
            last = before;
        } else {
            set(after, LINKS, ((long) before << 32) | (get(after, LINKS) & NEWER));
        }
    }

    /** Returns the oldest record. */
    int first() {
        return first;
    }

    /** Returns the newest record. */
    int last() {
        return last;
    }

    /** Returns the next newer record. */
    int next(int slot) {
        return (int) get(slot, LINKS);
    }

    /** Returns the next older record. */
    int previous(int slot) {
        return (int) (get(slot, LINKS) >> 32);
    }

    long offset(int slot) {
        return get(slot, OFFSET);
    }

    long length(int slot) {
        return get(slot, LENGTH);
    }

    long end(int slot) {
        return offset(slot) + length(slot);
    }

    /** Returns the place of the old data, which is side by side: see {@link BlockLog}. */
    long old(int slot) {
        return get(slot, OLD);
    }

    long sequence(int slot) {
        return get(slot, SEQUENCE);
    }

    long nanos(int slot) {
        return get(slot, NANOS);
    }

    /** Returns when the write was completed, counted in completions; 0 if it was not. */
    long completion(int slot) {
        return get(slot, COMPLETION);
    }

    int operation(int slot) {
        return (int) get(slot, ID) & 3;
    }

    /** Returns the number of the record's write; older writes have smaller numbers. */
    long id(int slot) {
        return get(slot, ID) >>> 2;
    }

    /** Returns how many records there are. */
    int count() {
        return count;
    }

    /** Returns how much is cached: the bytes of writes, and for other operations the bytes that had to be saved. */
    long bytes() {
        return bytes;
    }

    private long weight(int slot) {
        return operation(slot) == WRITE || old(slot) > 0 ? length(slot) : 0;
    }

    /** Returns the number for a new write. */
    long newId() {
        return ++lastId;
    }

    /** Returns the number of the latest write. */
    long lastId() {
        return lastId;
    }

    /** Returns how much old data the records hold, in bytes. */
    long held() {
        return held;
    }

    /** Adds a record as the newest, with references of its own to the old data. */
    int add(long id, int operation, long offset, long length, long old, long sequence, long nanos) {
        int slot = take();
        set(slot, OFFSET, offset);
        set(slot, LENGTH, length);
        set(slot, OLD, old);
        set(slot, SEQUENCE, sequence);
        set(slot, NANOS, nanos);
        set(slot, COMPLETION, 0);
        set(slot, ID, id << 2 | operation);
        link(last, slot);
        link(slot, NONE);
        bytes += weight(slot);
        if (old > 0) {
            memory.retain(old, (int) (length / BlockLog.BLOCK));
            held += length;
        }
        return slot;
    }

    private int take() {
        int slot = freeSlot;
        if (slot != NONE) {
            freeSlot = (int) get(slot, LINKS);
        } else {
            slot = slots++;
            int page = slot >>> PAGE_SHIFT;
            if (page == pages.size()) {
                pages.add(new long[page == 0 ? FIRST * FIELDS : FIELDS << PAGE_SHIFT]);
            } else if ((slot & (1 << PAGE_SHIFT) - 1) * FIELDS == pages.get(page).length) {
                pages.set(page, Arrays.copyOf(pages.get(page), 2 * pages.get(page).length));
            }
        }
        count++;
        return slot;
    }

    private void forget(int slot) {
        if (old(slot) > 0) {
            held -= length(slot);
            memory.release(old(slot), (int) (length(slot) / BlockLog.BLOCK));
        }
    }

    /** Makes a record name another place with the same data, if it is still that record. */
    void move(int slot, long id, long seen, long place) {
        if (slot < slots && id(slot) == id && old(slot) == seen) {
            int blocks = (int) (length(slot) / BlockLog.BLOCK);
            memory.retain(place, blocks);
            set(slot, OLD, place);
            memory.release(seen, blocks);
        }
    }

    /** Removes a record. */
    void remove(int slot) {
        bytes -= weight(slot);
        forget(slot);
        link(previous(slot), next(slot));
        set(slot, ID, 0);
        set(slot, LINKS, freeSlot);
        freeSlot = slot;
        count--;
        if (count == 0 && pages.size() > KEPT_PAGES) {
            pages.subList(KEPT_PAGES, pages.size()).clear();
            slots = 0;
            freeSlot = NONE;
        }
    }

    /** Releases the old data of a record, which then says only that its range is durable. */
    void makeMarker(int slot) {
        bytes -= weight(slot);
        forget(slot);
        set(slot, OLD, BlockLog.BELOW);
        set(slot, ID, id(slot) << 2 | DURABLE);
    }

    /** Adds a marker: a range is durable, whatever older records say. */
    void addMarker(long offset, long length) {
        if (first == NONE) {
            return;
        }
        if (operation(last) == DURABLE) {
            if (end(last) == offset) {
                set(last, LENGTH, length(last) + length);
                return;
            }
            if (offset(last) <= offset && end(last) >= offset + length) {
                return;
            }
        }
        add(newId(), DURABLE, offset, length, BlockLog.BELOW, 0, 0);
    }

    /** Returns the ticket of a write for {@link #complete}, from its first record; at least 1. */
    long ticket(int slot) {
        return id(slot) << SLOT_BITS | slot;
    }

    /** Marks the remaining records of a write as completed. */
    void complete(long ticket, long completion) {
        long id = ticket >>> SLOT_BITS;
        int slot = (int) ticket & ((1 << SLOT_BITS) - 1);
        if (slot >= slots || id(slot) != id) {
            slot = find(id);
        }
        // The slot may have been reused for a later part of the same write.
        while (slot != NONE && previous(slot) != NONE && id(previous(slot)) == id) {
            slot = previous(slot);
        }
        while (slot != NONE && id(slot) == id) {
            set(slot, COMPLETION, completion);
            slot = next(slot);
        }
    }

    /** Finds a record of a write whose original first record is gone. */
    private int find(long id) {
        if (first == NONE || id(first) > id) {
            return NONE;
        }
        int slot = last;
        while (id(slot) > id) {
            slot = previous(slot);
        }
        return id(slot) == id ? slot : NONE;
    }

    /** Removes all records. */
    void clear() {
        while (first != NONE) {
            remove(first);
        }
    }
}
