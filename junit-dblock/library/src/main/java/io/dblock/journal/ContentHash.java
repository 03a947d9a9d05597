// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;

/**
 * The hash of a request's data: XXH64 with seed 0, as {@code xxhsum -H1} prints it. It distinguishes data and is not
 * cryptographic.
 *
 * <p>It is fast even with the JVM's first compiler on an emulated processor: it uses whole words and avoids CRC
 * instructions, which emulators run slowly.
 *
 * @see <a href="https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md">The specification of XXH64</a>
 */
public final class ContentHash {
    private static final int STRIPE = 4 * Long.BYTES;
    private static final int BLOCK = 128 * STRIPE;
    private static final long PRIME_1 = 0x9E3779B185EBCA87L;
    private static final long PRIME_2 = 0xC2B2AE3D27D4EB4FL;
    private static final long PRIME_3 = 0x165667B19E3779F9L;
    private static final long PRIME_4 = 0x85EBCA77C2B2AE63L;
    private static final long PRIME_5 = 0x27D4EB2F165667C5L;
    /** PRIME_1 + PRIME_2 modulo 2^64. */
    private static final long START = 0x60EA27EEADC0B5D6L;

    // Reading an array of words costs less than reading a buffer, and no call allocates anything.
    private final byte[] bytes = new byte[BLOCK];
    private final ByteBuffer block = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    private final LongBuffer blockWords = block.asLongBuffer();
    private final long[] words = new long[BLOCK / Long.BYTES];

    /** Creates a hash for many calls of {@link #hash}, by one thread at a time. */
    public ContentHash() {}

    /** Returns the hash of these bytes. */
    public static long of(byte[] data) {
        return new ContentHash().hash(ByteBuffer.wrap(data), 0, data.length);
    }

    /** Returns the hash of {@code length} bytes of the buffer from index {@code start} on. */
    public long hash(ByteBuffer data, int start, int length) {
        long a = START;
        long b = PRIME_2;
        long c = 0;
        long d = -PRIME_1;
        int striped = length - length % STRIPE;
        for (int done = 0; done < striped; done += BLOCK) {
            int count = Math.min(BLOCK, striped - done);
            data.get(start + done, bytes, 0, count);
            int longs = count / Long.BYTES;
            blockWords.get(0, words, 0, longs);
            for (int i = 0; i < longs; i += 4) {
                a = Long.rotateLeft(a + words[i] * PRIME_2, 31) * PRIME_1;
                b = Long.rotateLeft(b + words[i + 1] * PRIME_2, 31) * PRIME_1;
                c = Long.rotateLeft(c + words[i + 2] * PRIME_2, 31) * PRIME_1;
                d = Long.rotateLeft(d + words[i + 3] * PRIME_2, 31) * PRIME_1;
            }
        }
        long hash = PRIME_5;
        if (striped > 0) {
            hash = Long.rotateLeft(a, 1) + Long.rotateLeft(b, 7) + Long.rotateLeft(c, 12) + Long.rotateLeft(d, 18);
            hash = merge(merge(merge(merge(hash, a), b), c), d);
        }
        return avalanche(rest(hash + length, data, start + striped, length - striped));
    }

    private static long round(long accumulator, long word) {
        return Long.rotateLeft(accumulator + word * PRIME_2, 31) * PRIME_1;
    }

    private static long merge(long hash, long accumulator) {
        return (hash ^ round(0, accumulator)) * PRIME_1 + PRIME_4;
    }

    /** Adds the rest that is shorter than a stripe. */
    private long rest(long soFar, ByteBuffer data, int start, int length) {
        long hash = soFar;
        data.get(start, bytes, 0, length);
        int at = 0;
        for (; at + Long.BYTES <= length; at += Long.BYTES) {
            hash = Long.rotateLeft(hash ^ round(0, block.getLong(at)), 27) * PRIME_1 + PRIME_4;
        }
        if (at + Integer.BYTES <= length) {
            hash = Long.rotateLeft(hash ^ Integer.toUnsignedLong(block.getInt(at)) * PRIME_1, 23) * PRIME_2 + PRIME_3;
            at += Integer.BYTES;
        }
        for (; at < length; at++) {
            hash = Long.rotateLeft(hash ^ Byte.toUnsignedLong(bytes[at]) * PRIME_5, 11) * PRIME_1;
        }
        return hash;
    }

    private static long avalanche(long hash) {
        long mixed = (hash ^ (hash >>> 33)) * PRIME_2;
        mixed = (mixed ^ (mixed >>> 29)) * PRIME_3;
        return mixed ^ (mixed >>> 32);
    }
}
