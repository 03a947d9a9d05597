// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Iterator;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PassedReadsTest {
    private static final int START = CrashLog.START;
    /** Two blocks, of which the first is written twice with the same, and the second with other content. */
    private static final CrashLog LOG = new Logs().write(0, 1, 2).write(0, 1, 3).log();

    private static BitSet blocks(int... blocks) {
        BitSet set = new BitSet();
        for (int block : blocks) {
            set.set(block);
        }
        return set;
    }

    private static PassedReads afterOne() {
        PassedReads reads = new PassedReads(LOG);
        reads.add(blocks(0), new int[] {0, 0}, 1);
        return reads;
    }

    @Test
    void aBlockThatWasNotReadMakesNoDifference() {
        assertThat(afterOne().passes(new int[] {0, START}, 1)).isTrue();
        assertThat(afterOne().passes(new int[] {1, 1}, 1))
                .as("the same content")
                .isTrue();
    }

    @Test
    void aBlockThatWasReadDoes() {
        assertThat(afterOne().passes(new int[] {START, 0}, 1)).isFalse();
    }

    @Test
    void whatWasAcknowledgedDoes() {
        assertThat(afterOne().passes(new int[] {0, 0}, 2)).isFalse();
        assertThat(afterOne().passes(new int[] {0, 0}, 0)).isFalse();
    }

    @Test
    void aStateThatReadNothingSaysItOfAll() {
        PassedReads reads = new PassedReads(LOG);
        assertThat(reads.passes(new int[] {0, 0}, 0)).isFalse();
        reads.add(blocks(), new int[] {0, 0}, 0);
        assertThat(reads.passes(new int[] {START, 1}, 0)).isTrue();
    }

    @Test
    void blocksAreFoundByTheirPlaceOnTheDisk() {
        CrashLog log = new Logs().write(10, 1, 2).write(20, 3).write(30, 4).log();
        assertThat(log.blocksIn(0, 10 * Logs.BLOCK)).isEqualTo(blocks());
        assertThat(log.blocksIn(11 * Logs.BLOCK + 1, 1)).isEqualTo(blocks(1));
        assertThat(log.blocksIn(11 * Logs.BLOCK, 10 * Logs.BLOCK)).isEqualTo(blocks(1, 2));
        assertThat(log.blocksIn(31 * Logs.BLOCK, Logs.BLOCK)).isEqualTo(blocks());
    }

    /** Checks that read block after block, where what they read says which one is next, and whether they fail. */
    @Test
    void noVerdictIsAnotherOne() {
        int pruned = 0;
        for (long seed = 0; seed < 300; seed++) {
            CrashLog log = Logs.random(seed, 14);
            Replay replay = new Replay(log);
            PassedReads reads = new PassedReads(log);
            List<CrashStates.State> states = new ArrayList<>();
            Iterator<CrashStates.State> all = new CrashStates(log, new CrashStates.Settings(seed, 8, 5));
            all.forEachRemaining(states::add);
            for (CrashStates.State state : states) {
                int[] content = replay.content(state.point());
                BitSet read = new BitSet();
                boolean passes = check(log, content, read, seed);
                if (reads.passes(content, state.point().acknowledged())) {
                    assertThat(passes).as("%s of log %d", state, seed).isTrue();
                    pruned++;
                } else if (passes) {
                    reads.add(read, content, state.point().acknowledged());
                }
            }
        }
        assertThat(pruned).isGreaterThan(500);
    }

    private static boolean check(CrashLog log, int[] content, BitSet read, long seed) {
        if (content.length == 0) {
            return true;
        }
        int block = 0;
        for (int steps = 0; steps < 3; steps++) {
            read.set(block);
            Random random = new Random(log.hash(block, content[block]) ^ seed);
            if (random.nextInt(8) == 0) {
                return false;
            }
            block = random.nextInt(content.length);
        }
        return true;
    }
}
