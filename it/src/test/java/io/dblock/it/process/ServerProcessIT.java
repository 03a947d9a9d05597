// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.process;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.handler.Operation.READ;
import static io.dblock.handler.Operation.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.DblockException;
import io.dblock.Placement;
import io.dblock.PowerDomain;
import io.dblock.Snapshot;
import io.dblock.fault.Fault;
import io.dblock.handler.Errno;
import io.dblock.handler.ImageMode;
import io.dblock.internal.remote.ServerProcess;
import io.dblock.it.support.Commands;
import io.dblock.it.support.Poll;
import io.dblock.it.support.Signals;
import io.dblock.journal.Journal;
import io.dblock.journal.JournalStream;
import io.dblock.junit.DblockDevice;
import io.dblock.junit.TriState;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The process that serves built-in stores: what it is, what reaches it, and what becomes of its devices when it is gone. */
class ServerProcessIT {
    private static final Duration LONG = Duration.ofMinutes(2);
    /** In the flags of a task: its allocations start no I/O, see PR_SET_IO_FLUSHER in prctl(2). */
    private static final long PF_MEMALLOC_NOIO = 0x80000;

    private static ProcessHandle server() {
        List<ProcessHandle> servers = ProcessHandle.current()
                .children()
                .filter(child -> child.info().commandLine().orElse("").contains("io.dblock.internal.remote.ServerMain"))
                .toList();
        assertThat(servers).hasSize(1);
        return servers.get(0);
    }

    private static String[] stat(Path task) throws IOException {
        String stat = Files.readString(task.resolve("stat"));
        return stat.substring(stat.lastIndexOf(')') + 2).split(" ");
    }

    private static Path proc(ProcessHandle process) {
        return Path.of("/proc", Long.toString(process.pid()));
    }

    private static void write(BlockDevice disk, long offset, int value) throws IOException {
        ByteBuffer block = ByteBuffer.allocate(4096);
        while (block.hasRemaining()) {
            block.put((byte) value);
        }
        try (FileChannel channel = disk.openChannel()) {
            channel.write(block.flip(), offset);
        }
    }

    /** How often it has called read(2) and its like; an ioctl is none. */
    private static long reads() throws IOException {
        return Files.readAllLines(proc(server()).resolve("io")).stream()
                .filter(line -> line.startsWith("syscr: "))
                .mapToLong(line -> Long.parseLong(line.substring("syscr: ".length())))
                .findFirst()
                .orElseThrow();
    }

    /** One by one, each is a call of its own. */
    @Test
    void itFetchesRequestsByReads(@DblockDevice(size = "1MiB") BlockDevice disk) throws Exception {
        write(disk, 0, 1);
        long before = reads();
        ByteBuffer block = ByteBuffer.allocate(4096);
        try (FileChannel channel = disk.openChannel()) {
            for (int i = 0; i < 1000; i++) {
                assertThat(channel.read(block.clear(), i % 8 * 4096L)).isEqualTo(4096);
            }
        }
        assertThat(reads() - before).isGreaterThan(900);
    }

    @Test
    void noThreadOfItWritesBackInOrderToGetMemory(@DblockDevice(size = "1MiB") BlockDevice disk) throws Exception {
        write(disk, 0, 1);
        int threads = 0;
        try (Stream<Path> tasks = Files.list(proc(server()).resolve("task"))) {
            for (Path task : tasks.toList()) {
                String[] stat;
                String name;
                try {
                    stat = stat(task);
                    name = Files.readString(task.resolve("comm")).strip();
                } catch (IOException e) {
                    continue; // A thread that has ended meanwhile.
                }
                // The seventh field from the third on.
                assertThat(Long.parseLong(stat[6]) & PF_MEMALLOC_NOIO).as(name).isNotZero();
                threads++;
            }
        }
        assertThat(threads).isGreaterThan(5);
    }

    @Test
    void noneOfItsMemoryIsSwappedOutOrReclaimed(@DblockDevice(size = "1MiB") BlockDevice disk) throws Exception {
        write(disk, 0, 1);
        List<String> notLocked = new ArrayList<>();
        String mapping = "";
        boolean resident = false;
        for (String line : Files.readAllLines(proc(server()).resolve("smaps"))) {
            if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
                mapping = line;
            } else if (line.startsWith("Rss:")) {
                resident = !line.matches("Rss: +0 kB");
            } else if (line.startsWith("VmFlags:") && resident && !line.contains(" lo")) {
                notLocked.add(mapping);
            }
        }
        // What the kernel itself shows every process.
        assertThat(notLocked).allMatch(line -> line.matches(".*\\[(vvar|vvar_vclock|vdso|vsyscall)]"));
    }

    @Test
    void itHasMountsOfItsOwnAndIsNotInTheTestsProcessGroup(
            @DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        Path point = disk.mount();
        ProcessHandle server = server();
        assertThat(Files.readSymbolicLink(proc(server).resolve("ns/mnt")))
                .isNotEqualTo(Files.readSymbolicLink(Path.of("/proc/self/ns/mnt")));
        assertThat(Files.readString(proc(server).resolve("mountinfo"))).doesNotContain(point.toString());
        // Process group and session: a terminal's Ctrl-C does not reach it.
        assertThat(stat(proc(server))[2]).isEqualTo(Long.toString(server.pid()));
        assertThat(stat(proc(server))[3]).isEqualTo(Long.toString(server.pid()));
    }

    @Test
    void allDevicesShareOneServer(
            @DblockDevice(size = "1MiB") BlockDevice one, @DblockDevice(size = "1MiB") BlockDevice two)
            throws Exception {
        write(one, 0, 1);
        write(two, 0, 2);
        assertThat(server().isAlive()).isTrue();
    }

    @Test
    void whenItIsKilledItsDevicesFailAndTheNextDeviceHasANewOne() throws Exception {
        BlockDevice disk = BlockDevice.builder().size("1MiB").create();
        ProcessHandle first = server();
        try (FileChannel channel = disk.openChannel()) {
            channel.write(ByteBuffer.allocate(4096), 0);
            assertThat(first.destroyForcibly()).isTrue();
            first.onExit().get(120, java.util.concurrent.TimeUnit.SECONDS);
            Poll.until("the disk's I/O to fail", LONG, () -> {
                try {
                    channel.write(ByteBuffer.allocate(4096), 0);
                    return false;
                } catch (IOException e) {
                    return true;
                }
            });
        }
        assertThatThrownBy(disk::powered)
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("The server process (pid " + first.pid() + ") is gone")
                .hasMessageContaining("killed by signal 9");
        assertThatThrownBy(disk::close).hasMessageContaining("killed by signal 9");
        Poll.until("the node to go", LONG, () -> !Files.exists(disk.path()));

        try (BlockDevice next = BlockDevice.builder().size("1MiB").create()) {
            write(next, 0, 3);
            assertThat(server().pid()).isNotEqualTo(first.pid());
        }
    }

    @Test
    void whenItIsStoppedTheNextDeviceHasANewOneAndTheOthersGoOnWhenItIsContinued() throws Exception {
        BlockDevice disk = BlockDevice.builder().size("1MiB").create();
        ProcessHandle stopped = server();
        Signals.strike(stopped, "STOP");
        for (int i = 0; i < 100; i++) {
            assertThatThrownBy(disk::powered)
                    .isInstanceOf(DblockException.class)
                    .hasMessageContaining("does not answer, so powered() is not possible. It is stopped (state T).")
                    .hasMessageContaining("kill -CONT " + stopped.pid());
        }
        try (BlockDevice next = BlockDevice.builder().size("1MiB").create()) {
            write(next, 0, 3);
            assertThat(ServerProcess.pid()).isPresent().get().isNotEqualTo(stopped.pid());

            Commands.run("kill", "-CONT", stopped.pid());
            assertThat(disk.powered()).isTrue();
            write(disk, 0, 3);
            disk.close();
        }
        stopped.onExit().get(120, java.util.concurrent.TimeUnit.SECONDS);
    }

    @Test
    void whenItIsStoppedItsLastDeviceCanBeClosedAndItIsKilled() throws Exception {
        BlockDevice disk = BlockDevice.builder().size("1MiB").create();
        ProcessHandle stopped = server();
        Signals.strike(stopped, "STOP");
        assertThatThrownBy(disk::close).hasMessageContaining("does not answer");
        Poll.until("the node to go", LONG, () -> !Files.exists(disk.path()));
        stopped.onExit().get(120, java.util.concurrent.TimeUnit.SECONDS);
    }

    @Test
    void aPredicateIsAskedHereAndWhatItThrowsIsTheVeryObject(
            @DblockDevice(size = "1MiB", failOnHandlerException = TriState.FALSE) BlockDevice disk) throws Exception {
        IllegalStateException thrown = new IllegalStateException("mine");
        List<Long> asked = new ArrayList<>();
        try (Fault fault = disk.faults()
                .on(WRITE)
                .matching(request -> {
                    asked.add(request.offset());
                    if (request.offset() == 8192) {
                        throw thrown;
                    }
                    return request.offset() == 4096;
                })
                .fail(Errno.ENOSPC)) {
            write(disk, 0, 1);
            assertThatThrownBy(() -> write(disk, 4096, 1)).hasMessageContaining("No space left");
            assertThatThrownBy(() -> write(disk, 8192, 1)).hasMessageContaining("Input/output error");
            assertThat(fault.hits()).isEqualTo(1);
        }
        assertThat(asked).containsExactly(0L, 4096L, 8192L);
        assertThat(disk.handlerFailures()).hasSize(1).first().isSameAs(thrown);
    }

    @Test
    void journalStatisticsAndRulesCanBeReadAfterTheDeviceIsClosed() throws Exception {
        BlockDevice disk = BlockDevice.builder().size("1MiB").create();
        Fault fault = disk.faults().on(READ).lenient().fail(Errno.EIO);
        disk.journal().mark("here");
        write(disk, 4096, 7);
        long writes = disk.statistics().writes();
        Journal journal = disk.journal();
        List<?> entries = journal.since("here");
        byte[] content = journal.content(journal.requestsSince("here").get(0)).orElseThrow();
        disk.close();
        assertThat(journal.since("here")).isEqualTo(entries).hasSize(1);
        assertThat(journal.content(journal.requestsSince("here").get(0))).hasValue(content);
        assertThat(disk.statistics().writes()).isEqualTo(writes).isPositive();
        assertThat(disk.faults().history()).containsExactly(fault);
        assertThat(fault.hits()).isZero();
    }

    @Test
    void aJournalIsStreamedAcross(@TempDir Path directory) throws Exception {
        Path file = directory.resolve("journal");
        try (BlockDevice disk = BlockDevice.builder().size("4MiB").create()) {
            JournalStream stream = disk.journal().streamTo(file);
            try (FileChannel channel = disk.openChannel()) {
                for (int i = 0; i < 300; i++) {
                    channel.write(ByteBuffer.allocate(4096), i * 4096L);
                }
            } finally {
                stream.close();
            }
            assertThat(stream.missed()).isZero();
        }
        assertThat(Files.readAllLines(file).stream().filter(line -> line.contains("WRITE")))
                .hasSize(300);
    }

    @Test
    void anImageAndACopyMayLieOnAFilesystemThatWasMountedLater(@TempDir Path directory) throws Exception {
        try (BlockDevice early = BlockDevice.builder().size("1MiB").create()) {
            write(early, 0, 5);
            Commands.run("mount", "-t", "tmpfs", "late", directory);
            try {
                Path image = directory.resolve("image");
                try (Snapshot snapshot = early.snapshot()) {
                    snapshot.save(image);
                }
                assertThat(Files.size(image)).isEqualTo(1 << 20);
                try (BlockDevice disk =
                        BlockDevice.builder().image(image, ImageMode.IN_PLACE).create()) {
                    write(disk, 4096, 6);
                }
                byte[] bytes = Files.readAllBytes(image);
                assertThat(bytes[0]).isEqualTo((byte) 5);
                assertThat(bytes[4096]).isEqualTo((byte) 6);
                Path missing = directory.resolve("missing");
                assertThatThrownBy(() -> BlockDevice.builder()
                                .size("1MiB")
                                .image(missing, ImageMode.IN_PLACE)
                                .create())
                        .hasMessageContaining(missing.toString())
                        .hasMessageNotContaining("/proc/");
            } finally {
                Commands.run("umount", directory);
            }
        }
    }

    @Test
    void devicesOfDifferentPlacementsCannotShareTheirPower(
            @DblockDevice(size = "1MiB") BlockDevice one,
            @DblockDevice(size = "1MiB", placement = Placement.TEST_JVM) BlockDevice two) {
        assertThatThrownBy(() -> PowerDomain.of(one, two))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(two.name() + " is served by another process")
                .hasMessageContaining("devices of one placement");
        assertThatThrownBy(() -> PowerDomain.of(two, one))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(one.name() + " is served by another process");
    }

    @Test
    void aHandlerCannotBeSentToTheServerProcess() {
        assertThatThrownBy(() -> BlockDevice.builder()
                        .size("1MiB")
                        .placement(Placement.SERVER_PROCESS)
                        .handler((io.dblock.handler.RequestHandler) request -> request.complete())
                        .create())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("placement is SERVER_PROCESS, and a handler is set")
                .hasMessageContaining("AUTOMATIC and TEST_JVM");
    }
}
