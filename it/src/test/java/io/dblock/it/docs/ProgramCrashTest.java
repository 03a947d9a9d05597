// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static java.lang.ProcessBuilder.Redirect.INHERIT;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashTest;
import io.dblock.junit.DblockDevice;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class ProgramCrashTest {

    @DblockDevice(size = "64MiB", filesystem = EXT4)
    BlockDevice disk;

    @Test
    void whatAProgramHasPrintedSurvivesEveryCut() {
        String program = "for i in 1 2 3; do echo paid $i >> ledger; sync ledger; echo paid $i; done";
        CrashTest.of(disk)
                .workload(run -> {
                    Process process = new ProcessBuilder("sh", "-e", "-c", program)
                            .directory(disk.mount().toFile())
                            .redirectError(INHERIT)
                            .start();
                    run.follow(process, Duration.ofMinutes(1)); // each line that it prints is an acknowledgement
                })
                .check(state -> {
                    Path ledger = state.mount().resolve("ledger");
                    List<String> paid = Files.exists(ledger) ? Files.readAllLines(ledger) : List.of();
                    assertThat(paid).containsAll(state.acknowledged(String.class));
                })
                .verify();
    }
}
