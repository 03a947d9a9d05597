// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

/** Where the parts of a range are in memory. For use by one thread, again and again. */
public final class Parts {
    /** An answer in more parts costs more than one copy. */
    static final int MOST = 16;

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

    /** Returns where a part starts; 0 if it is zeros. */
    public long address(int part) {
        return addresses[part];
    }

    /** Returns the length of a part in bytes. */
    public long length(int part) {
        return lengths[part];
    }
}
