// SPDX-License-Identifier: Apache-2.0
package io.dblock.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.internal.crash.CrashSearch;
import io.dblock.internal.crash.Failed;
import io.dblock.internal.crash.FaultSweep;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class FailedStateTest {
    private static final List<Failed> FAILED =
            List.of(new Failed("12.1:3,4~1667", 2, "text", null), new Failed("13.1:~0000", 0, "text", null));

    @Test
    void aReportHasThoseThatFailedInOrder() {
        List<FailedState> expected = List.of(new FailedState("12.1:3,4~1667", 2), new FailedState("13.1:~0000", 0));
        CrashReport crash = new CrashReport(
                new CrashSearch.Counts(20, 3, 10, 512, 40, 30, 0, 0, 0, 0, 0, FAILED, 5, false, Duration.ofSeconds(1)));
        assertThat(crash.failures()).isEqualTo(expected);
        assertThat(crash.failed()).isEqualTo(2);
        assertThat(crash).asString().contains("30 states checked (0 at random), 2 failed, 5 left");

        FaultReport fault = new FaultReport(new FaultSweep.Counts(9, 8, 7, 15, FAILED, 4, Duration.ofSeconds(1)));
        assertThat(fault.failures()).isEqualTo(expected);
        assertThat(fault).asString().startsWith("9 faults tried, 2 failed, 4 left; 8 acted");
    }
}
