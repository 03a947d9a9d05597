// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.handler.Errno.EIO;
import static io.dblock.handler.Errno.ENOSPC;
import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.crash.FaultTest;
import io.dblock.junit.DblockDevice;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class LedgerFaultTest {

    @DblockDevice(size = "64MiB", filesystem = EXT4)
    BlockDevice disk;

    @Test
    void whatIsAcknowledgedSurvivesEveryFault() {
        FaultTest.of(disk)
                .workload(run -> {
                    Path ledger = disk.mount().resolve("ledger");
                    try (FileChannel channel = FileChannel.open(ledger, CREATE, APPEND)) {
                        for (int i = 0; i < 5; i++) {
                            channel.write(StandardCharsets.UTF_8.encode("paid " + i + "\n"));
                            channel.force(false); // throws if a request fails, so nothing is acknowledged
                            run.acknowledge("paid " + i);
                        }
                    }
                })
                .check(state -> {
                    Path ledger = state.mount().resolve("ledger");
                    List<String> paid = Files.exists(ledger) ? Files.readAllLines(ledger) : List.of();
                    assertThat(paid).containsAll(state.acknowledged(String.class));
                })
                .errors(EIO, ENOSPC)
                .verify();
    }
}
