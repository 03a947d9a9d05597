// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashTest;
import io.dblock.junit.DblockDevice;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class LedgerTest {

    @DblockDevice(size = "64MiB", filesystem = EXT4) // instance field: a fresh device per test
    BlockDevice disk;

    @Test
    void whatIsCountedIsThereAfterEveryPowerCut() throws Exception {
        Path ledger = Files.write(disk.mount().resolve("ledger"), new byte[6 * 4096]);
        CrashTest.of(disk)
                .workload(run -> {
                    try (FileChannel channel = FileChannel.open(ledger, WRITE)) {
                        for (int entry = 1; entry <= 5; entry++) {
                            channel.write(page(entry), (entry - 1) * 4096L);
                            channel.force(false); // the entry is durable before it is counted
                            channel.write(page(entry), 5 * 4096L); // the last page has their number
                            channel.force(false);
                            run.acknowledge("entry " + entry); // from here on it has to survive
                        }
                    }
                })
                .check(state -> {
                    ByteBuffer pages =
                            ByteBuffer.wrap(Files.readAllBytes(state.mount().resolve("ledger")));
                    int count = pages.getInt(5 * 4096);
                    assertThat(count)
                            .isGreaterThanOrEqualTo(state.acknowledged().size());
                    for (int entry = 1; entry <= count; entry++) {
                        assertThat(pages.getInt((entry - 1) * 4096))
                                .as("entry " + entry)
                                .isEqualTo(entry);
                    }
                })
                .verify();
    }

    private static ByteBuffer page(int content) {
        return ByteBuffer.allocate(4096).putInt(0, content);
    }
}
