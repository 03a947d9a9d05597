// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/**
 * The places of the blocks of a leaf of a {@link BlockIndex}, with a reference to each that has data. As long as all are
 * side by side, as after a large write, only the first is kept.
 *
 * <p>Changes need the lock of the log. Readers need none: they see each place as it is at some moment.
 */
final class Places {
    private static final VarHandle ENTRY = MethodHandles.arrayElementVarHandle(long[].class);

    private final BlockLog log;
    /** The first place if all are side by side; else 0, and each place has its entry. */
    private volatile long run;
    /** Null until it is needed. What it has while {@link #run} is set means nothing. */
    private long[] entries;

    private Places(BlockLog log) {
        this.log = log;
    }

    /** Returns places that all are the same: zeros, or as below. */
    static Places all(BlockLog log, long place) {
        Places all = new Places(log);
        all.entries = new long[BlockIndex.FAN];
        if (place != 0) {
            Arrays.fill(all.entries, place);
        }
        return all;
    }

    /** Returns places side by side, without the references. */
    static Places sideBySide(BlockLog log, long first) {
        Places places = new Places(log);
        places.run = first;
        return places;
    }

    /** Returns the same places, without the references. */
    Places copy() {
        long first = run;
        if (first != 0) {
            return sideBySide(log, first);
        }
        Places copy = new Places(log);
        copy.entries = entries.clone();
        return copy;
    }

    /** Returns the place of a block. */
    long get(int i) {
        long first = run;
        return first != 0 ? first + i : (long) ENTRY.getAcquire(entries, i);
    }

    /** Returns the end of the blocks from {@code from} on, before {@code end}, that lie from a place on. */
    int runEnd(int from, int end, long place) {
        long first = run;
        if (first != 0) {
            return first + from == place ? end : from;
        }
        int i = from;
        while (i < end && (long) ENTRY.getAcquire(entries, i) == BlockLog.behind(place, i - from)) {
            i++;
        }
        return i;
    }

    /** Returns whether all are side by side in one chunk. */
    boolean areSideBySide() {
        return run != 0;
    }

    // ---- change ----

    /** Sets the places of the blocks from {@code from} to before {@code end}: from a place on. */
    void set(int from, int end, long place) {
        if (place > 0 && end - from == BlockIndex.FAN) {
            setAll(place);
            return;
        }
        separate();
        log.retain(place, end - from);
        long old = 0;
        int length = 0;
        for (int i = from; i < end; i++) {
            long before = entries[i];
            ENTRY.setRelease(entries, i, BlockLog.behind(place, i - from));
            if (before > 0) {
                if (length > 0 && !BlockLog.areInOneChunk(before, old)) {
                    log.release(old, length);
                    length = 0;
                }
                old = before;
                length++;
            }
        }
        if (length > 0) {
            log.release(old, length);
        }
    }

    private void setAll(long place) {
        log.retain(place, BlockIndex.FAN);
        long before = run;
        run = place;
        if (before != 0) {
            log.release(before, BlockIndex.FAN);
        } else {
            count(false);
        }
    }

    private void separate() {
        long first = run;
        if (first == 0) {
            return;
        }
        long[] all = entries == null ? new long[BlockIndex.FAN] : entries;
        for (int i = 0; i < BlockIndex.FAN; i++) {
            ENTRY.setRelease(all, i, first + i);
        }
        entries = all;
        run = 0;
    }

    /**
     * Makes the entries of the blocks from {@code from} to before {@code end} name other places with the same data: those
     * that have not changed since they were seen, side by side.
     */
    void replace(int from, int end, long seen, long place) {
        int at = from;
        while (at < end) {
            int same = runEnd(at, end, seen + at - from);
            if (same > at) {
                set(at, same, place + at - from);
            }
            at = same + 1;
        }
    }

    /** Notes that all are side by side, if they are. */
    void join() {
        long first = get(0);
        if (first > 0
                && BlockLog.areInOneChunk(first, first + BlockIndex.FAN - 1)
                && runEnd(0, BlockIndex.FAN, first) == BlockIndex.FAN) {
            run = first;
        }
    }

    // ---- references ----

    /** Adds the references that these places have to have. */
    void retain() {
        if (run != 0) {
            log.retain(run, BlockIndex.FAN);
        } else {
            count(true);
        }
    }

    /** Gives the references back. Nobody changes these places any longer. */
    void release() {
        if (run != 0) {
            log.release(run, BlockIndex.FAN);
        } else {
            count(false);
        }
    }

    /** Adds or gives back the references of the entries. */
    private void count(boolean add) {
        int first = 0;
        while (first < BlockIndex.FAN) {
            long place = entries[first];
            int next = first + 1;
            if (place > 0) {
                while (next < BlockIndex.FAN && entries[next] > 0 && BlockLog.areInOneChunk(entries[next], place)) {
                    next++;
                }
                if (add) {
                    log.retain(place, next - first);
                } else {
                    log.release(place, next - first);
                }
            }
            first = next;
        }
    }
}
