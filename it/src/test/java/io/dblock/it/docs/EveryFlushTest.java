// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.handler.Operation.FLUSH;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.dblock.BlockDevice;
import io.dblock.fault.Fault;
import io.dblock.junit.DblockDevice;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class EveryFlushTest {
    private final AtomicInteger acknowledged = new AtomicInteger();

    @Test
    void whatWasAcknowledgedSurvivesACutAtEveryFlush(@DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk)
            throws Exception {
        Path ledger = disk.mount().resolve("ledger");

        Fault held = disk.faults().on(FLUSH).hold();
        CompletableFuture<Void> workload = CompletableFuture.runAsync(() -> commit(ledger, 5));
        // true: the n-th flush is held; false: the workload has ended; its exception, if it has failed
        for (int n = 1; held.awaitHits(n, workload, Duration.ofSeconds(60)); n++) {
            int promised = acknowledged.get();
            try (BlockDevice left = disk.fork(Survivors.NONE)) { // what a power cut would leave now
                assertTrue(entries(left.mount().resolve("ledger")) >= promised);
            }
            held.release();
        }
        assertTrue(acknowledged.get() == 5 && held.hits() >= 5);
    }

    private void commit(Path ledger, int entries) {
        try (FileChannel channel = FileChannel.open(ledger, CREATE, APPEND)) {
            for (int i = 0; i < entries; i++) {
                channel.write(UTF_8.encode("paid\n"));
                channel.force(true);
                acknowledged.incrementAndGet();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int entries(Path ledger) throws IOException {
        return Files.exists(ledger) ? Files.readAllLines(ledger).size() : 0;
    }
}
