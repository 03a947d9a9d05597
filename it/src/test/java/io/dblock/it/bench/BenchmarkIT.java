// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** All devices beside each other, by the clock and by instructions; a boot each. The tables are the result. */
class BenchmarkIT {

    @ParameterizedTest
    @EnumSource(names = {"CLOCK", "INSTRUCTIONS"})
    void theDevicesAreMeasuredBesideEachOther(Guest.Mode mode) throws Exception {
        Path file = Guest.run(mode, Map.of("rounds", "5"), Duration.ofHours(6));
        assertThat(Results.read(file).isEmpty()).isFalse();
    }

    @ParameterizedTest
    @EnumSource(names = {"QUEUES", "DEVICES"})
    void queuesAndDevicesAreMeasuredInNumbers(Guest.Mode mode) throws Exception {
        assertThat(Guest.run(mode, Map.of("rounds", "3"), Duration.ofHours(2))).isNotEmptyFile();
    }
}
