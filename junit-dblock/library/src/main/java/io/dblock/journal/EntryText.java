// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import java.util.Locale;

/** Formats the parts of a line of the journal. */
final class EntryText {
    private static final long SECTOR = 512;

    private EntryText() {}

    /** Returns number and time, followed by a space. */
    static String start(long sequence, long nanos) {
        return String.format(Locale.ROOT, "#%-5d %11.6f s  ", sequence, nanos / 1e9);
    }

    /** Returns the sectors of 512 bytes that a range of bytes lies in, the last one included. */
    static String sectors(long offset, long length) {
        long first = offset / SECTOR;
        long last = length == 0 ? first : (offset + length - 1) / SECTOR;
        return first == last ? "sector " + first : "sectors " + first + "-" + last;
    }

    /** Returns a length as a whole number of the largest possible unit. */
    static String bytes(long length) {
        if (length % 1024 != 0 || length == 0) {
            return length + " bytes";
        }
        String[] units = {"KiB", "MiB", "GiB", "TiB"};
        int unit = Math.min(Long.numberOfTrailingZeros(length) / 10, units.length) - 1;
        return (length >> (10 * (unit + 1))) + units[unit];
    }

    static String duration(long nanos) {
        if (nanos < 10_000_000) {
            return nanos / 1000 + " us";
        }
        return nanos < 10_000_000_000L ? nanos / 1_000_000 + " ms" : nanos / 1_000_000_000L + " s";
    }
}
