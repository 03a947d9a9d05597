// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

/**
 * Random numbers by SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators). Of our own, because
 * the JDK does not promise that its generators give the same numbers in each version. Not thread-safe.
 */
final class RuleRandom {
    private static final long GAMMA = 0x9e3779b97f4a7c15L;

    private long state;

    /** From several numbers: other ones give a stream of its own. */
    RuleRandom(long... seeds) {
        for (long seed : seeds) {
            state = mix(state + GAMMA) ^ mix(seed + GAMMA);
        }
    }

    long nextLong() {
        state += GAMMA;
        return mix(state);
    }

    /** From 0 on, below 1. */
    double nextDouble() {
        return (nextLong() >>> 11) * 0x1.0p-53;
    }

    /** From 0 on, below {@code bound}, which is far below 2^63: the bias is of no account. */
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
