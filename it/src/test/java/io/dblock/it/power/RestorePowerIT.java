// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.power;

import static io.dblock.Filesystem.EXT4;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.LeakException;
import io.dblock.PowerDomain;
import io.dblock.fault.Fault;
import io.dblock.it.support.AlignedBuffers;
import io.dblock.it.support.Commands;
import io.dblock.junit.DblockDevice;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What comes back with the power, on real nodes and filesystems. */
class RestorePowerIT {

    @Test
    void aFileThatIsStillOpenKeepsThePowerOffAndIsNamed(
            @DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        Path file = disk.mount().resolve("open");
        try (FileChannel channel = FileChannel.open(file, CREATE, WRITE)) {
            channel.write(ByteBuffer.wrap("x".getBytes(UTF_8)));
            disk.powerCut();
            assertThatThrownBy(disk::restorePower)
                    .isInstanceOf(LeakException.class)
                    .hasMessageContaining("The power of " + disk.name() + " stays off")
                    .hasMessageContaining(file.toString())
                    .hasMessageContaining("Close these before restorePower()")
                    .hasMessageNotContaining("mapping");
            assertThat(disk.powered()).isFalse();
        }
        disk.restorePower();
        assertThat(disk.powered()).isTrue();
        assertThat(disk.mountPoint()).isPresent();
    }

    @Test
    void aFileThatIsStillMappedKeepsThePowerOffAndTheMessageSaysWhatCanBeDone(
            @DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        Path file = Files.write(disk.mount().resolve("mapped"), new byte[4096]);
        MappedByteBuffer[] mapped = new MappedByteBuffer[1];
        try (FileChannel channel = FileChannel.open(file, READ, WRITE)) {
            mapped[0] = channel.map(FileChannel.MapMode.READ_WRITE, 0, 4096);
        }
        disk.powerCut();
        assertThatThrownBy(disk::restorePower)
                .isInstanceOf(LeakException.class)
                .hasMessageContaining("has mapped " + file)
                .hasMessageContaining("A mapping cannot be closed in Java 17")
                .hasMessageContaining("let nothing refer to the buffer");
        assertThat(disk.powered()).isFalse();
        assertThat(mapped[0].capacity()).isEqualTo(4096);
        mapped[0] = null;
        disk.restorePower();
        assertThat(disk.mountPoint()).isPresent();
    }

    @Test
    void nothingButRestorePowerRestoresThePower(@DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk)
            throws Exception {
        Path point = disk.mount();
        try (FileChannel channel = FileChannel.open(point.resolve("synced"), CREATE, WRITE)) {
            channel.write(ByteBuffer.wrap("synced".getBytes(UTF_8)));
            channel.force(true);
        }
        disk.powerCut();
        for (ThrowingCallable call : List.<ThrowingCallable>of(disk::mount, disk::remount)) {
            assertThatThrownBy(call)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("The power of " + disk.name() + " is off")
                    .hasMessageContaining("call restorePower()");
            assertThat(disk.powered()).isFalse();
        }
        disk.unmount();
        assertThatThrownBy(disk::mount).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(disk::format)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("call restorePower()");

        disk.restorePower();
        assertThat(disk.mountPoint()).as("not mounted before").isEmpty();
        assertThat(disk.mount().resolve("synced")).hasContent("synced");
    }

    @Test
    void aRuleThatCutsThePowerInTheMountIsNamed(@DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk)
            throws Exception {
        disk.mount();
        Fault cutter = disk.faults().onAny().named("cutter").times(2).powerCut(Survivors.NONE);
        Commands.tryRun("sync");
        disk.dropCaches();
        if (disk.powered()) {
            disk.powerCut();
        }
        assertThatThrownBy(disk::restorePower)
                .hasMessageContaining(
                        "The power of " + disk.name() + " was cut while it was mounted, by the fault rule")
                .hasMessageContaining("\"cutter\"")
                .hasMessageContaining("superblock");
        cutter.close();
        assertThat(disk.powered()).isFalse();
        disk.restorePower();
        assertThat(disk.mountPoint()).isPresent();
    }

    @Test
    void aFileThatNothingRefersToIsNotInTheWay(@DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk)
            throws Exception {
        Path file = disk.mount().resolve("forgotten");
        syncAndForget(file);
        disk.powerCut();
        disk.restorePower();
        assertThat(disk.mount().resolve("forgotten")).hasContent("synced");
    }

    private static void syncAndForget(Path file) throws IOException {
        FileChannel channel = FileChannel.open(file, CREATE, WRITE);
        channel.write(ByteBuffer.wrap("synced".getBytes(UTF_8)));
        channel.force(true);
    }

    @Test
    void whatTheKernelHadCachedOfTheNodeIsGoneAndItsErrorWithIt(@DblockDevice(size = "16MiB") BlockDevice disk)
            throws Exception {
        byte[] durable = "durable!".repeat(512).getBytes(UTF_8);
        try (FileChannel buffered = FileChannel.open(disk.path(), READ, WRITE)) {
            buffered.write(ByteBuffer.wrap(durable), 0);
            buffered.force(true);
            buffered.write(ByteBuffer.wrap(new byte[4096]), 0);
            disk.powerCut();
            assertThatThrownBy(() -> buffered.force(true)).isInstanceOf(IOException.class);
        }
        disk.restorePower();

        try (FileChannel buffered = FileChannel.open(disk.path(), READ, WRITE)) {
            ByteBuffer read = ByteBuffer.allocate(4096);
            buffered.read(read, 0);
            assertThat(read.array()).isEqualTo(durable);
            buffered.write(ByteBuffer.wrap(new byte[4096]), 4096);
            buffered.force(true);
        }
    }

    @Test
    void dirtyPagesThatNobodySyncedDoNotComeBackEither(@DblockDevice(size = "16MiB") BlockDevice disk)
            throws Exception {
        try (FileChannel buffered = FileChannel.open(disk.path(), READ, WRITE)) {
            buffered.write(ByteBuffer.wrap("never synced".getBytes(UTF_8)), 0);
            disk.powerCut();
        }
        disk.restorePower();
        try (FileChannel channel = disk.openChannel()) {
            ByteBuffer read = AlignedBuffers.allocate(4096);
            channel.read(read, 0);
            assertThat(read.get(0)).isZero();
        }
        try (FileChannel buffered = FileChannel.open(disk.path(), READ, WRITE)) {
            buffered.force(true);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"EXT4", "XFS", "BTRFS"})
    void aForkIsMountedBesideTheLiveFilesystem(Filesystem filesystem) throws Exception {
        try (BlockDevice disk =
                BlockDevice.builder().size("320MiB").filesystem(filesystem).create()) {
            Path file = disk.mount().resolve("file");
            try (FileChannel channel = FileChannel.open(file, CREATE, WRITE)) {
                channel.write(ByteBuffer.wrap("before".getBytes(UTF_8)));
                channel.force(true);
            }
            try (BlockDevice fork = disk.fork()) {
                Files.writeString(file, "after!");
                Path forked = fork.mount().resolve("file");
                assertThat(forked).hasContent("before");
                Files.writeString(forked, "forked");
                fork.remount();
                assertThat(forked).hasContent("forked");
            }
            disk.remount();
            assertThat(file).hasContent("after!");
        }
    }

    @Test
    void theStateAfterACutCanBeCheckedWhileTheDiskGoesOn(
            @DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        Path point = disk.mount();
        for (int i = 0; i < 20; i++) {
            try (FileChannel channel = FileChannel.open(point.resolve("file" + i), CREATE, WRITE)) {
                channel.write(ByteBuffer.wrap(("content " + i).getBytes(UTF_8)));
                channel.force(true);
            }
        }
        try (var crashed = disk.snapshot(Survivors.NONE);
                BlockDevice fork = crashed.fork()) {
            Path forked = fork.mount();
            for (int i = 0; i < 20; i++) {
                assertThat(forked.resolve("file" + i)).hasContent("content " + i);
            }
            fork.unmount();
            Commands.run("e2fsck", "-f", "-n", fork.path());
        }
        assertThat(point.resolve("file3")).hasContent("content 3");
    }

    @Test
    void aDomainIsCutAtOneInstant(
            @DblockDevice(size = "16MiB") BlockDevice log, @DblockDevice(size = "16MiB") BlockDevice data)
            throws Exception {
        PowerDomain power = PowerDomain.of(log, data);
        for (int round = 0; round < 20; round++) {
            BlockDevice first = round % 2 == 0 ? log : data;
            BlockDevice second = round % 2 == 0 ? data : log;
            CountDownLatch some = new CountDownLatch(30);
            CompletableFuture<Void> writer = CompletableFuture.runAsync(() -> writeBoth(first, second, some));
            assertThat(some.await(120, TimeUnit.SECONDS))
                    .as("30 records written")
                    .isTrue();
            power.powerCut();
            assertThat(log.powered() || data.powered()).isFalse();
            writer.get(120, TimeUnit.SECONDS);
            power.restorePower();
            long before = number(first);
            assertThat(number(second))
                    .as("what the second disk has was on the first before")
                    .isLessThanOrEqualTo(before);
            assertThat(before).isGreaterThanOrEqualTo(30);
        }
    }

    /**
     * Writes numbers, each durable on the first before it goes to the second. It goes there even if the first has failed: were
     * that without power before the second, the second would get ahead.
     */
    private static void writeBoth(BlockDevice first, BlockDevice second, CountDownLatch some) {
        try (FileChannel one = first.openChannel();
                FileChannel other = second.openChannel()) {
            ByteBuffer block = AlignedBuffers.allocate(512);
            for (long number = 1; ; number++) {
                try {
                    writeDurably(one, block, number);
                } catch (IOException e) {
                    // The second tells when the power is off.
                }
                writeDurably(other, block, number);
                some.countDown();
            }
        } catch (IOException e) {
            // The power is off.
        }
    }

    private static void writeDurably(FileChannel channel, ByteBuffer block, long number) throws IOException {
        channel.write(block.clear().putLong(0, number), 0);
        channel.force(true);
    }

    private static long number(BlockDevice disk) throws IOException {
        try (FileChannel channel = disk.openChannel()) {
            ByteBuffer block = AlignedBuffers.allocate(512);
            channel.read(block, 0);
            return block.getLong(0);
        }
    }
}
