// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.fs;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.it.support.Commands;
import io.dblock.junit.DblockDevice;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** stress-ng's file stressors, with its own verification on. */
class StressNgIT {

    @ParameterizedTest
    @ValueSource(strings = {"hdd", "iomix", "fallocate", "sync-file", "readahead"})
    void aVerifiedStressorFindsNothingWrong(
            String stressor, @DblockDevice(size = "256MiB", filesystem = Filesystem.EXT4) BlockDevice disk) {
        String output = Commands.run(
                "stress-ng",
                "--temp-path",
                disk.mount(),
                "--" + stressor,
                "1",
                "--" + stressor + "-ops",
                stressor.equals("hdd") ? "2000" : "300",
                "--verify",
                "--timeout",
                "20s",
                "--metrics-brief");
        assertThat(output).contains("successful run completed");
    }
}
