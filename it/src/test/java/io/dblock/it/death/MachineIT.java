// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.handler.RequestHandler;
import io.dblock.it.support.AlignedBuffers;
import io.dblock.it.support.Poll;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** What is looked for after a death is found when it is there. */
class MachineIT {

    @Test
    void devicesAndMountsThatAreLeftAreFound() throws IOException {
        assertThat(Machine.devices()).isEmpty();
        assertThat(Machine.mounts()).isEmpty();
        try (BlockDevice disk =
                BlockDevice.builder().size("8MiB").filesystem(Filesystem.EXT4).create()) {
            assertThat(Machine.devices()).containsExactly(disk.name());
            String point = disk.mount().toString();
            assertThat(Machine.mounts()).singleElement().asString().contains(point);
        }
        Machine.awaitClean(Round.BOUND);
    }

    @Test
    void whoWaitsForADiskThatDoesNotAnswerIsFound() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        AtomicBoolean silent = new AtomicBoolean();
        RequestHandler handler = request -> {
            if (silent.get()) {
                asked.countDown();
            } else {
                request.complete();
            }
        };
        Thread reader;
        try (BlockDevice disk = BlockDevice.builder()
                .size("1MiB")
                .requestTimeout(Round.BOUND)
                .handler(handler)
                .create()) {
            // From now on: the kernel has looked for partitions.
            silent.set(true);
            reader = new Thread(() -> read(disk), "reader");
            reader.start();
            asked.await();
            // Where the kernel shows no stacks (User Mode Linux), what it waits in is a guess.
            String where = Files.readString(Path.of("/proc/self/stack")).isBlank() ? "" : "blkdev_";
            Poll.until("the reader to be found", Round.BOUND, () -> Machine.uninterruptible().stream()
                    .anyMatch(task -> task.contains("(reader) D") && task.contains(where)));
            disk.unplug();
            reader.join();
        }
        Machine.awaitClean(Round.BOUND);
    }

    /** Fails, sooner or later. */
    private static void read(BlockDevice disk) {
        try (FileChannel channel = disk.openChannel()) {
            channel.read(AlignedBuffers.allocate(4096));
        } catch (IOException e) {
            System.out.println("as is to be: " + e.getMessage());
        }
    }

    @Test
    void whatTheKernelComplainsOfAfterANoteIsFound() {
        Kernel.note("dblock MachineIT: BUG: one before");
        String note = "dblock MachineIT: the note";
        Kernel.note(note);
        assertThat(Machine.troubleSince(note)).isEmpty();
        Kernel.note("dblock MachineIT: BUG: one after");
        assertThat(Machine.troubleSince(note)).singleElement().asString().contains("one after");
    }
}
