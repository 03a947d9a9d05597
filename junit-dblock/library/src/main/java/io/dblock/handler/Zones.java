// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

/**
 * The zones of a zoned, host-managed device: plain data. All zones have the same size. Conventional zones, which come
 * first, can be written anywhere. In all other zones, a write starts where the last one ended, at the write pointer.
 *
 * @param size the size of a zone in bytes: a power of two, at least 4096
 * @param conventional how many zones, from the first, are conventional; at least 0
 * @param maxOpen how many zones can be open at a time, at most 65536; 0: no limit
 * @param maxActive how many zones can be active at a time, that is, open, or closed with data in them; at least
 *     {@code maxOpen} and at most 65536; 0: no limit
 */
public record Zones(long size, int conventional, int maxOpen, int maxActive) {

    /** The largest number of zones a device can have, as in dblock.h. */
    public static final long MOST = 1 << 20;

    /** The largest number of zones that can be open, as in dblock.h. */
    private static final int MOST_OPEN = 65536;

    /** Checks everything except what depends on the device's size and block. */
    public Zones {
        check(
                size >= 4096 && Long.bitCount(size) == 1 && size <= 1L << 39,
                "zoneSize",
                size,
                "powers of two from 4096 to 2^39 bytes");
        check(conventional >= 0, "conventionalZones", conventional, "0 or more");
        check(
                maxOpen >= 0 && maxOpen <= MOST_OPEN,
                "maxOpenZones",
                maxOpen,
                "1 to " + MOST_OPEN + ", or 0 for no limit");
        check(
                maxActive == 0 || (maxActive >= Math.max(maxOpen, 1) && maxActive <= MOST_OPEN),
                "maxActiveZones",
                maxActive,
                "maxOpenZones (" + maxOpen + ") to " + MOST_OPEN + ", or 0 for no limit");
    }

    private static void check(boolean good, String what, long value, String allowed) {
        if (!good) {
            throw new IllegalArgumentException(what + " is " + value + ". Allowed: " + allowed + ".");
        }
    }
}
