// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.DSYNC;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashTest;
import io.dblock.junit.DblockDevice;
import java.nio.file.Files;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

class LedgerStatesTest {

    @DblockDevice(size = "64MiB", filesystem = EXT4)
    BlockDevice disk;

    @TestFactory
    Stream<DynamicTest> survivesEveryCut() {
        return CrashTest.of(disk)
                .workload(run -> {
                    Files.writeString(disk.mount().resolve("ledger"), "paid", CREATE, WRITE, DSYNC);
                    run.acknowledge("ledger");
                })
                .check(state -> {
                    for (String file : state.acknowledged(String.class)) {
                        assertTrue(Files.exists(state.mount().resolve(file)), file);
                    }
                })
                .samples(10)
                .within(Duration.ofSeconds(30))
                .states();
    }
}
