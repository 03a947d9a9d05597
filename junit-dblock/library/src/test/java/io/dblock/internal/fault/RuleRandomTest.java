// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RuleRandomTest {

    @Test
    void theSameSeedsGiveTheSameNumbersForEver() {
        // A seed printed by one version is to replay in the next.
        RuleRandom draws = new RuleRandom(1, 2, 3);
        assertThat(draws.nextLong()).isEqualTo(2940678738467981863L);
        assertThat(draws.nextLong()).isEqualTo(7204486418739843001L);
    }

    @Test
    void eachSeedGivesItsOwnNumbers() {
        Set<Long> seen = new HashSet<>();
        for (long a = -10; a < 10; a++) {
            for (long b = -10; b < 10; b++) {
                for (long c = -10; c < 10; c++) {
                    seen.add(new RuleRandom(a, b, c).nextLong());
                }
            }
        }
        assertThat(seen).hasSize(8000);
    }

    @Test
    void numbersAreSpreadEvenly() {
        RuleRandom draws = new RuleRandom(7);
        int[] counts = new int[10];
        double sum = 0;
        for (int i = 0; i < 100_000; i++) {
            counts[draws.nextInt(10)]++;
            double next = draws.nextDouble();
            assertThat(next).isBetween(0.0, Math.nextDown(1.0));
            sum += next;
        }
        for (int count : counts) {
            assertThat(count).isBetween(9_400, 10_600);
        }
        assertThat(sum / 100_000).isBetween(0.49, 0.51);
    }
}
