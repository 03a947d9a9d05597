// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.life;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.handler.Operation.FLUSH;
import static io.dblock.handler.Operation.READ;
import static io.dblock.handler.Operation.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.fault.Fault;
import io.dblock.it.support.AlignedBuffers;
import io.dblock.junit.DblockDevice;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.StandardOpenOption;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** What becomes of a request that is held for longer than the device's requestTimeout. */
class RequestTimeoutIT {
    private static final String ETIMEDOUT = "Connection timed out";
    private static final String EIO = "Input/output error";

    private static void assertFails(String what, String with, ThrowingCallable call) {
        assertThatThrownBy(call).as(what).isInstanceOf(IOException.class).hasMessageContaining(with);
    }

    @Test
    void directIoFailsWithTheErrorOfTheRequest(@DblockDevice(size = "1MiB", requestTimeout = "2s") BlockDevice disk)
            throws Exception {
        try (FileChannel channel = disk.openChannel()) {
            try (Fault hold = disk.faults().on(READ).hold()) {
                assertFails("a direct read", ETIMEDOUT, () -> channel.read(AlignedBuffers.allocate(4096), 0));
                assertThat(hold.hits()).as("tries").isEqualTo(1);
            }
            try (Fault hold = disk.faults().on(WRITE).hold()) {
                assertFails("a direct write", ETIMEDOUT, () -> channel.write(AlignedBuffers.allocate(4096), 0));
                assertThat(hold.hits()).as("tries").isEqualTo(1);
            }
            channel.write(AlignedBuffers.allocate(4096), 0);
            try (Fault hold = disk.faults().on(FLUSH).hold()) {
                assertFails("a flush", ETIMEDOUT, () -> channel.force(true));
                assertThat(hold.hits()).as("tries").isEqualTo(1);
            }
        }
    }

    /** A read that was made ahead has failed without anybody being told, and is then made once more. */
    @Test
    void bufferedIoOfTheNodeFailsWithEioAndAReadIsTriedTwice(
            @DblockDevice(size = "1MiB", requestTimeout = "2s") BlockDevice disk) throws Exception {
        try (FileChannel channel = FileChannel.open(disk.path(), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            try (Fault hold = disk.faults().on(READ).hold()) {
                assertFails("a buffered read", EIO, () -> channel.read(ByteBuffer.allocate(4096), 0));
                assertThat(hold.hits()).as("tries").isEqualTo(2);
            }
            channel.write(ByteBuffer.allocate(4096), 0);
            try (Fault hold = disk.faults().on(WRITE).hold()) {
                assertFails("fsync of the node", EIO, () -> channel.force(true));
                assertThat(hold.hits()).as("tries").isEqualTo(1);
            }
        }
    }

    /** Which of the two is the filesystem's choice, and its version's. */
    @Test
    void fsyncOfAFileFailsWithEither(
            @DblockDevice(size = "16MiB", filesystem = EXT4, requestTimeout = "2s") BlockDevice disk) throws Exception {
        try (FileChannel channel =
                FileChannel.open(disk.mount().resolve("file"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(4096), 0);
            try (Fault hold = disk.faults().on(WRITE).hold()) {
                assertThatThrownBy(() -> channel.force(true))
                        .isInstanceOf(IOException.class)
                        .message()
                        .containsAnyOf(ETIMEDOUT, EIO);
                assertThat(hold.hits()).as("tries").isPositive();
            }
        }
    }
}
