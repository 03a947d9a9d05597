// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.fault.Action;
import io.dblock.fault.Match;
import io.dblock.internal.fault.FaultPlan.Corruption;
import java.nio.ByteBuffer;

/** Corrupts data sector by sector, from the seeds in the corruption. */
final class Corrupter {
    private static final int BITS = 8 * Match.SECTOR;

    private Corrupter() {}

    /**
     * Corrupts a part of a request.
     *
     * @param data the data of the part, from 0 to its limit
     * @param offset where the part starts, in bytes
     */
    static void apply(Corruption corruption, ByteBuffer data, long offset) {
        for (int at = 0; at < data.limit(); at += Match.SECTOR) {
            RuleRandom draws = new RuleRandom(
                    corruption.seed(), corruption.ordinal(), corruption.match(), (offset + at) / Match.SECTOR);
            if (corruption.action() instanceof Action.FlipBits flip) {
                flip(data, at, flip.perSector(), draws);
            } else {
                for (int i = 0; i < Match.SECTOR; i++) {
                    data.put(at + i, (byte) draws.nextLong());
                }
            }
        }
    }

    private static void flip(ByteBuffer data, int at, int bits, RuleRandom draws) {
        // Draws the smaller set: the chosen bits or the others.
        boolean others = bits > BITS / 2;
        boolean[] drawn = new boolean[BITS];
        for (int left = others ? BITS - bits : bits; left > 0; ) {
            int bit = draws.nextInt(BITS);
            if (!drawn[bit]) {
                drawn[bit] = true;
                left--;
            }
        }
        for (int bit = 0; bit < BITS; bit++) {
            if (drawn[bit] != others) {
                int index = at + bit / 8;
                data.put(index, (byte) (data.get(index) ^ 1 << bit % 8));
            }
        }
    }
}
