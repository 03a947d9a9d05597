// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.handler.Operation.FLUSH;
import static java.nio.file.StandardOpenOption.WRITE;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.dblock.BlockDevice;
import io.dblock.fault.Fault;
import io.dblock.junit.DblockDevice;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class HeldFlushTest {

    @Test
    void aSyncWaitsForItsFlush(@DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        Path file = Files.writeString(disk.mount().resolve("file"), "content");

        Fault held = disk.faults().on(FLUSH).times(1).hold();
        CompletableFuture<Void> sync = CompletableFuture.runAsync(() -> sync(file));
        held.awaitHit(Duration.ofSeconds(60)); // the flush has arrived, and waits
        assertFalse(sync.isDone());

        held.release();
        sync.get(60, SECONDS);
    }

    private static void sync(Path file) {
        try (FileChannel channel = FileChannel.open(file, WRITE)) {
            channel.force(true);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
