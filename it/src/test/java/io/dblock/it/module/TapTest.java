// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.module;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class TapTest {

    @Test
    void everyOutcomeIsToldApart() {
        Tap.Run run = Tap.parse(List.of(
                "# kernel 6.1.0-50-amd64 x86_64",
                "# program abi",
                "1..3",
                "ok 1 - sizes",
                "# got 5, expected 4",
                "not ok 2 - numbers",
                "ok 3 - hotplug # SKIP one CPU",
                "# abi took 3 s",
                "# took 12 s",
                "1 passed, 1 failed, 1 skipped"));
        assertThat(run.kernel()).isEqualTo("6.1.0-50-amd64 x86_64");
        assertThat(run.seconds()).isEqualTo(12);
        assertThat(run.programs()).containsOnlyKeys("abi");
        assertThat(run.programs().get("abi"))
                .extracting(Tap.Case::name, Tap.Case::outcome)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple("sizes", Tap.Outcome.PASSED),
                        org.assertj.core.groups.Tuple.tuple("numbers", Tap.Outcome.FAILED),
                        org.assertj.core.groups.Tuple.tuple("hotplug", Tap.Outcome.SKIPPED));
        assertThat(run.programs().get("abi").get(1).details()).contains("expected 4");
        assertThat(run.closing()).isEqualTo("1 passed, 1 failed, 1 skipped");
    }
}
