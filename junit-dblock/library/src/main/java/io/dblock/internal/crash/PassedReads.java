// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Which blocks were read while states passed their check, and what was in them. Whatever only differs from such a state
 * in blocks that were not read passes, too: mounting and check see the same, and do the same. Blocks that no request of the
 * log changed are the same in all states.
 */
final class PassedReads {
    private final CrashLog log;
    /** For blocks that were read, hashes of what was in them, with what had been acknowledged. */
    private final Map<BitSet, Set<CrashStates.Key>> passed = new HashMap<>();

    PassedReads(CrashLog log) {
        this.log = log;
    }

    /** A state with this content has passed, for which these blocks were read. */
    void add(BitSet read, int[] content, int acknowledged) {
        passed.computeIfAbsent((BitSet) read.clone(), none -> new HashSet<>())
                .add(new CrashStates.Key(hash(read, hashes(content)), acknowledged));
    }

    /** Returns whether a state with this content is known to pass. */
    boolean passes(int[] content, int acknowledged) {
        if (passed.isEmpty()) {
            return false;
        }
        long[] hashes = hashes(content);
        for (Map.Entry<BitSet, Set<CrashStates.Key>> entry : passed.entrySet()) {
            if (entry.getValue().contains(new CrashStates.Key(hash(entry.getKey(), hashes), acknowledged))) {
                return true;
            }
        }
        return false;
    }

    private long[] hashes(int[] content) {
        long[] hashes = new long[content.length];
        for (int block = 0; block < content.length; block++) {
            hashes[block] = log.hash(block, content[block]);
        }
        return hashes;
    }

    private static long hash(BitSet blocks, long[] hashes) {
        long hash = 0;
        for (int block = blocks.nextSetBit(0); block >= 0; block = blocks.nextSetBit(block + 1)) {
            hash ^= hashes[block];
        }
        return hash;
    }
}
