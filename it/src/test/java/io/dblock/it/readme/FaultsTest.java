// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.readme;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.handler.Errno.EIO;
import static io.dblock.handler.Operation.FLUSH;
import static io.dblock.handler.Operation.READ;
import static io.dblock.handler.Operation.WRITE;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.dblock.BlockDevice;
import io.dblock.fault.Fault;
import io.dblock.fault.Tear;
import io.dblock.junit.DblockDevice;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** The examples of faults in README. */
class FaultsTest {

    // README:faults
    @Test
    void badSectorsAndTornWrites(@DblockDevice(size = "16MiB") BlockDevice disk) throws Exception {
        disk.faults().on(READ).sectors(8, 15).fail(EIO); // these sectors, whatever else the request asks for
        disk.faults().on(WRITE).after(1).times(1).tear(Tear.prefix(1)); // the second write: its first block only

        try (FileChannel channel = disk.openChannel()) {
            channel.write(ByteBuffer.wrap(filledWith(1)), 0);
            channel.write(ByteBuffer.wrap(filledWith(2)), 0);

            assertEquals(2, byteAt(channel, 0));
            assertEquals(1, byteAt(channel, 512));
            assertThrows(IOException.class, () -> byteAt(channel, 8 * 512));
        }
    }
    // README:end

    private static byte[] filledWith(int value) {
        byte[] bytes = new byte[4096];
        Arrays.fill(bytes, (byte) value);
        return bytes;
    }

    private static int byteAt(FileChannel channel, long offset) throws IOException {
        ByteBuffer block = ByteBuffer.allocate(512);
        channel.read(block, offset);
        return block.get(0);
    }

    // README:hold
    @Test
    void theMomentIsTheTests(@DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        Path file = Files.writeString(disk.mount().resolve("file"), "content");

        Fault held = disk.faults().on(FLUSH).times(1).hold();
        CompletableFuture<Void> sync = CompletableFuture.runAsync(() -> sync(file));
        held.awaitHit(Duration.ofSeconds(60)); // the flush has arrived, and waits
        assertFalse(sync.isDone());

        held.release();
        sync.get(60, SECONDS);
    }
    // README:end

    private static void sync(Path file) {
        try (FileChannel channel = FileChannel.open(file, CREATE)) {
            channel.force(true);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    // README:scope
    @Test
    void aRuleEndsWithItsScope(@DblockDevice(size = "16MiB") BlockDevice disk) throws Exception {
        try (FileChannel channel = disk.openChannel()) {
            try (Fault broken = disk.faults().on(FLUSH).named("broken flush").fail(EIO)) {
                assertThrows(IOException.class, () -> {
                    channel.write(ByteBuffer.allocate(512), 0);
                    channel.force(true);
                });
                assertTrue(broken.hits() > 0);
            }
            channel.write(ByteBuffer.allocate(512), 0);
            channel.force(true);
        }
    }
    // README:end
}
