// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.readme;

import static io.dblock.Filesystem.EXT4;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.dblock.BlockDevice;
import io.dblock.PowerDomain;
import io.dblock.Snapshot;
import io.dblock.handler.ImageMode;
import io.dblock.junit.DblockDevice;
import io.dblock.power.Survivors;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The examples of power cuts and snapshots in README. */
class PowerTest {

    // README:power
    @Test
    void whatWasSyncedSurvives(@DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        Path ledger = disk.mount().resolve("ledger");
        try (FileChannel channel = FileChannel.open(ledger, CREATE, WRITE)) {
            channel.write(ByteBuffer.wrap("paid".getBytes(StandardCharsets.UTF_8)));
            channel.force(true);
            disk.powerCut(); // all that no flush or FUA covered is lost; from now on everything fails
        }
        disk.restorePower(); // the same node, mounted again: the filesystem replays its journal

        assertEquals("paid", Files.readString(ledger));
    }
    // README:end

    // README:survivors
    @Test
    void anUnsyncedWriteMayOrMayNotSurvive(@DblockDevice(size = "16MiB") BlockDevice disk) throws Exception {
        try (FileChannel channel = disk.openChannel()) {
            for (int i = 0; i < 8; i++) {
                channel.write(ByteBuffer.allocate(4096), i * 4096L);
            }
            assertEquals(8, disk.unflushed().size()); // what a cut would lose now

            // each write survives or not, those that do are torn at logical blocks; another seed, another outcome
            System.out.println(disk.powerCut(Survivors.random(42).torn()));
        }
        disk.restorePower();
        assertTrue(disk.unflushed().isEmpty());
    }
    // README:end

    // README:domain
    @Test
    void oneSwitchForTwoDisks(
            @DblockDevice(size = "16MiB") BlockDevice log, @DblockDevice(size = "16MiB") BlockDevice data)
            throws Exception {
        PowerDomain power = PowerDomain.of(log, data);
        power.powerCut(); // both at one instant
        assertFalse(log.powered() || data.powered());
        power.restorePower();
    }
    // README:end

    @TempDir
    Path dir;

    // README:fork
    @Test
    void aForkIsADiskOfItsOwn(@DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        Path file = disk.mount().resolve("file");
        Files.writeString(file, "before");
        disk.dropCaches(); // have the kernel write it to the disk

        try (BlockDevice fork = disk.fork(); // at once, by copy-on-write
                Snapshot snapshot = disk.snapshot()) {
            Files.writeString(file, "after");
            assertEquals("before", Files.readString(fork.mount().resolve("file"))); // both are mounted

            snapshot.save(dir.resolve("disk.img")); // sparse; to load it, make a device of it:
        }
        try (BlockDevice loaded = BlockDevice.builder()
                .image(dir.resolve("disk.img"), ImageMode.COPY_ON_WRITE)
                .filesystem(EXT4)
                .create()) {
            assertEquals("before", Files.readString(loaded.mount().resolve("file")));
        }
    }
    // README:end
}
