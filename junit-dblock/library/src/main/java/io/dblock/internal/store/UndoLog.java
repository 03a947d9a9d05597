// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The cached writes of a disk, oldest first: for each range, what it had before. A write is one record or several that follow
 * each other and have its number. Not thread-safe; allocates only when it grows.
 *
 * <p>Where something durable lies over older cached writes, a marker says so. To take the range out of them at once would
 * mean to look at all of them with each FUA write; whoever reads the log does it, see {@link CachedWrite#of}. A marker without
 * older writes is of no use.
 *
 * <p>Records are known by their slot, a small number that is used again.
 */
final class UndoLog {
    static final int NONE = -1;
    static final int WRITE = 0;
    static final int DISCARD = 1;
    static final int WRITE_ZEROES = 2;
    /** No write: what older records have of its range is durable, or overwritten by what is. */
    static final int DURABLE = 3;

    private static final int SLOT_BITS = 24;
    private static final int PAGE_SHIFT = 10;
    /** The first page grows from so many records. */
    private static final int FIRST = 1 << 5;
    /** So many pages stay when there is no record. */
    private static final int KEPT_PAGES = 64;
    /** Longs of a record: a cache line. */
    private static final int FIELDS = 8;

    /** The half of LINKS that has the next newer record; the other one has the next older. */
    private static final long NEWER = 0xffffffffL;

    private static final int OFFSET = 0;
    private static final int LENGTH = 1;
    private static final int OLD = 2;
    private static final int SEQUENCE = 3;
    private static final int NANOS = 4;
    private static final int COMPLETION = 5;
    private static final int LINKS = 6;
    private static final int ID = 7;

    private final Arena arena;
    private final List<long[]> pages = new ArrayList<>();
    private int freeSlot = NONE;
    private int slots;
    private int first = NONE;
    private int last = NONE;
    private int count;
    private long bytes;
    private long lastId;

    /** A log that gives back to the arena what its records hold there. */
    UndoLog(Arena arena) {
        this.arena = arena;
    }

    // A slot's fields. Those of a free one: LINKS has the next free one.

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

    /** The oldest record. */
    int first() {
        return first;
    }

    /** The newest one. */
    int last() {
        return last;
    }

    /** The next newer one. */
    int next(int slot) {
        return (int) get(slot, LINKS);
    }

    /** The next older one. */
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

    /** Where in the arena the old data are; negative: they were zeros. */
    long old(int slot) {
        return get(slot, OLD);
    }

    long sequence(int slot) {
        return get(slot, SEQUENCE);
    }

    long nanos(int slot) {
        return get(slot, NANOS);
    }

    /** When it was completed, counted in completions; 0 if it is not. */
    long completion(int slot) {
        return get(slot, COMPLETION);
    }

    int operation(int slot) {
        return (int) get(slot, ID) & 3;
    }

    /** The number of its write: of an older one it is smaller. */
    long id(int slot) {
        return get(slot, ID) >>> 2;
    }

    /** How many records there are. */
    int count() {
        return count;
    }

    /** How much is cached: bytes of writes, and of others what had to be saved for them. */
    long bytes() {
        return bytes;
    }

    private long weight(int slot) {
        return operation(slot) == WRITE || old(slot) >= 0 ? length(slot) : 0;
    }

    /** The number of a write that is to be added now. */
    long newId() {
        return ++lastId;
    }

    /** The number of the latest write. */
    long lastId() {
        return lastId;
    }

    /** Adds a record as the newest. */
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

    /** Forgets a record. */
    void remove(int slot) {
        bytes -= weight(slot);
        if (old(slot) >= 0) {
            arena.release(old(slot));
        }
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

    /** The old data of a record are no longer needed: it says only that its range is durable. */
    void makeMarker(int slot) {
        bytes -= weight(slot);
        if (old(slot) >= 0) {
            arena.release(old(slot));
        }
        set(slot, OLD, NONE);
        set(slot, ID, id(slot) << 2 | DURABLE);
    }

    /** Says that a range is durable from here on, whatever older records there are. */
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
        add(newId(), DURABLE, offset, length, NONE, 0, 0);
    }

    /** A write by the first of its records, for {@link #complete}; at least 1. */
    long ticket(int slot) {
        return id(slot) << SLOT_BITS | slot;
    }

    /** Marks the records of a write that are still there as completed. */
    void complete(long ticket, long completion) {
        long id = ticket >>> SLOT_BITS;
        int slot = (int) ticket & ((1 << SLOT_BITS) - 1);
        if (slot >= slots || id(slot) != id) {
            slot = find(id);
        }
        // The slot may have been used again, for a later part of the same write.
        while (slot != NONE && previous(slot) != NONE && id(previous(slot)) == id) {
            slot = previous(slot);
        }
        while (slot != NONE && id(slot) == id) {
            set(slot, COMPLETION, completion);
            slot = next(slot);
        }
    }

    /** A record of a write whose first record of old is gone. */
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

    /** Forgets all. */
    void clear() {
        while (first != NONE) {
            remove(first);
        }
    }
}
