// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

/** Where the parts of a range are in memory. For use by one thread, again and again. */
public final class Parts {
    /** A range in more parts is copied into one: a batch has room for the segments of a few such answers only. */
    static final int MOST = 512;

    private final long[] addresses = new long[MOST];
    private final long[] lengths = new long[MOST];
    private int count;

    void clear() {
        count = 0;
    }

    boolean add(long address, long length) {
        if (count == MOST) {
            return false;
        }
        addresses[count] = address;
        lengths[count++] = length;
        return true;
    }

    /** Returns how many parts there are. */
    public int count() {
        return count;
    }

    /** Returns where each part starts, 0 if it is zeros. What is behind the last part means nothing. */
    public long[] addresses() {
        return addresses;
    }

    /** Returns the length of each part in bytes. What is behind the last part means nothing. */
    public long[] lengths() {
        return lengths;
    }
}
