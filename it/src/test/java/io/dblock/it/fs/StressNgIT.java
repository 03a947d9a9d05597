// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.fs;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.it.support.Commands;
import io.dblock.junit.DblockDevice;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** stress-ng's file stressors, with its own verification on. */
class StressNgIT {

    @ParameterizedTest
    @CsvSource({
        "hdd,        --hdd-ops 200 --hdd-bytes 16m",
        "iomix,      --iomix-ops 200 --iomix-bytes 32m",
        "fallocate,  --fallocate-ops 50 --fallocate-bytes 16m",
        "sync-file,  --sync-file-ops 20 --sync-file-bytes 8m",
        "readahead,  --readahead-ops 200 --readahead-bytes 16m",
    })
    void aVerifiedStressorFindsNothingWrong(
            String stressor,
            String options,
            @DblockDevice(size = "256MiB", filesystem = Filesystem.EXT4) BlockDevice disk) {
        List<Object> command = new ArrayList<>(List.of(
                "stress-ng", "--temp-path", disk.mount(), "--" + stressor, "1", "--verify", "--timeout", "60s"));
        command.addAll(List.of(options.split(" ", -1)));
        assertThat(Commands.run(command.toArray()))
                .contains("successful run completed")
                .doesNotContain("out of system resources");
        assertThat(disk.statistics().bytesWritten()).isPositive();
    }
}
