// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.fault.Unproven;
import io.dblock.internal.device.Offspring.Shown;
import io.dblock.internal.store.Choices;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Tests of what closed forks leave. Tests on real devices show that open forks are found and closed. */
class OffspringTest {
    private final Offspring disk = Offspring.of("dblock0");

    private static Shown shown(String rule) {
        return new Shown(
                List.of(new Unproven(Unproven.Kind.RULE_NEVER_ACTED, rule)),
                new Choices(1, false, "first 1"),
                List.of(new IllegalStateException(rule)));
    }

    private List<String> told() {
        return disk.unproven().stream().map(Unproven::text).toList();
    }

    @Test
    void aForkLeavesWhatItHasShownToItsDevice() {
        Offspring fork = disk.ofFork("dblock1");
        assertThat(fork.describe()).isEqualTo("dblock1, a fork of dblock0");
        fork.end(null, shown("one"));
        fork.end(null, shown("is closed already"));
        assertThat(told()).containsExactly("one");
        assertThat(disk.choices()).isEqualTo(new Choices(1, false, "first 1"));
        assertThat(disk.failures()).singleElement().satisfies(e -> assertThat(e).hasMessage("one"));
    }

    @Test
    void theDeviceItselfKeepsWhatItsForksHaveLeft() {
        disk.ofFork("dblock1").end(null, shown("one"));
        disk.end(null, shown("its own"));
        assertThat(told()).containsExactly("one");
    }

    @Test
    void aForksForkOutlivesItAndLeavesItToTheFirst() {
        Offspring fork = disk.ofFork("dblock1");
        Offspring second = fork.ofFork("dblock2");
        fork.end(null, Shown.NOTHING);
        Offspring third = second.ofFork("dblock3");
        second.end(null, shown("two"));
        third.end(null, shown("three"));
        assertThat(third.describe()).isEqualTo("dblock3, a fork of dblock2");
        assertThat(told()).containsExactly("two", "three");
    }

    @Test
    void whatAForksForkHasLeftGoesWithIt() {
        Offspring fork = disk.ofFork("dblock1");
        fork.ofFork("dblock2").end(null, shown("two"));
        assertThat(told()).isEmpty();
        fork.end(null, shown("one"));
        assertThat(told()).containsExactlyInAnyOrder("one", "two");
        assertThat(disk.choices().asked()).isEqualTo(2);
    }

    /** A test may make thousands of forks. */
    @Test
    void ofManyForksAHundredAreNamedAndTheOthersCounted() {
        for (int i = 0; i < 1000; i++) {
            disk.ofFork("dblock" + i).end(null, shown("rule " + i));
        }
        assertThat(told()).hasSize(101).endsWith("rule 99", "dblock0: 900 more of closed forks, which are not named");
        assertThat(disk.failures()).hasSize(100);
    }
}
