// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

/**
 * Random numbers by SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators). Implemented here
 * because the JDK does not promise the same numbers in every version. Not thread-safe.
 */
final class RuleRandom {
    private static final long GAMMA = 0x9e3779b97f4a7c15L;

    private long state;

    /** Creates a stream from several numbers; different numbers give different streams. */
    RuleRandom(long... seeds) {
        for (long seed : seeds) {
            state = mix(state + GAMMA) ^ mix(seed + GAMMA);
        }
    }

    long nextLong() {
        state += GAMMA;
        return mix(state);
    }

    /** Returns a number from 0 to below 1. */
    double nextDouble() {
        return (nextLong() >>> 11) * 0x1.0p-53;
    }

    /** Returns a number from 0 to below {@code bound}, which is far below 2^63, so the bias is negligible. */
    int nextInt(int bound) {
        return (int) Long.remainderUnsigned(nextLong(), bound);
    }

    private static long mix(long value) {
        long z = value;
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }
}
