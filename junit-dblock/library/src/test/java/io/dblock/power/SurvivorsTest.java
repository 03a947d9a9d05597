// SPDX-License-Identifier: Apache-2.0
package io.dblock.power;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.power.Survivors.Choice;
import io.dblock.power.Survivors.Tearing;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class SurvivorsTest {
    @Test
    void someAreAChoiceAmongWhatThereIs() {
        assertThat(List.of(Survivors.NONE, Survivors.ALL)).noneMatch(Survivors::isChoice);
        assertThat(List.of(Survivors.prefix(0), Survivors.random(), Survivors.of(1), Survivors.ALL.torn()))
                .allMatch(Survivors::isChoice);
        assertThat(Survivors.random(7).emptyAllowed()).isFalse();
        Survivors lenient = Survivors.random(7).lenient();
        assertThat(lenient.torn().withSeed(8).emptyAllowed()).isTrue();
        assertThat(lenient).hasToString("random, each with probability 0.500, seed 7, lenient");
    }

    @Test
    void theyPrintThemselvesAsOneReadableLine() {
        assertThat(Survivors.NONE).hasToString("none");
        assertThat(Survivors.ALL.torn().withSeed(7)).hasToString("all, each torn, seed 7");
        assertThat(Survivors.prefix(3).torn(Tearing.LAST)).hasToString("first 3, last torn");
        assertThat(Survivors.random(5, 0.25)).hasToString("random, each with probability 0.250, seed 5");
        assertThat(Survivors.of(9, 4, 9)).hasToString("requests [4, 9]");
    }

    @Test
    void theSameChoiceIsEqual() {
        assertThat(Survivors.of(2, 1)).isEqualTo(Survivors.of(List.of(1L, 2L)));
        assertThat(Survivors.random(1))
                .isEqualTo(Survivors.random().withSeed(1))
                .isNotEqualTo(Survivors.random(2));
    }

    @Test
    void onlyWhatIsRandomAndHasNoSeedGetsOne() {
        assertThat(Survivors.NONE.orSeed(1)).isEqualTo(Survivors.NONE);
        assertThat(Survivors.random(2).orSeed(1)).isEqualTo(Survivors.random(2));
        assertThat(Survivors.random().orSeed(1)).isEqualTo(Survivors.random(1));
        assertThat(Survivors.ALL.torn().orSeed(1).seed()).hasValue(1);
        assertThat(Survivors.ALL.torn().needsSeed()).isTrue();
    }

    @Test
    void valuesOutOfRangeAreRefused() {
        assertThatThrownBy(() -> Survivors.prefix(-1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("count is -1. Allowed: at least 0 requests.");
        for (double probability : new double[] {-0.1, 1.1, Double.NaN}) {
            assertThatThrownBy(() -> Survivors.random(1, probability))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("probability is " + probability + ". Allowed: from 0 to 1.");
        }
        assertThatThrownBy(() -> Survivors.of(3, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("A sequence number is 0. Allowed: those of requests in the journal, from 1");
    }

    @Test
    void valuesThatPlayNoPartAreRefused() {
        assertThatThrownBy(() -> new Survivors(Choice.ALL, 1, 0, List.of(), Tearing.NONE, OptionalLong.empty(), false))
                .hasMessage("count is 1. Allowed: 0; only a prefix has one.");
        assertThatThrownBy(
                        () -> new Survivors(Choice.ALL, 0, 0.5, List.of(), Tearing.NONE, OptionalLong.empty(), false))
                .hasMessage("probability is 0.5. Allowed: 0; only a random choice has one.");
        assertThatThrownBy(
                        () -> new Survivors(Choice.ALL, 0, 0, List.of(1L), Tearing.NONE, OptionalLong.empty(), false))
                .hasMessage("sequences is [1]. Allowed: an empty list; only a list of survivors has some.");
    }
}
