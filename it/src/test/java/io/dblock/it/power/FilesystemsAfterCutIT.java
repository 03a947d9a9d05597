// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.power;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.jna.LastErrorException;
import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.Snapshot;
import io.dblock.fault.Fault;
import io.dblock.handler.Operation;
import io.dblock.it.support.Commands;
import io.dblock.it.support.FileTree;
import io.dblock.it.support.Poll;
import io.dblock.it.support.SystemCalls;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Filesystems after a power cut in the middle of their work, with every kind of survivors that a correct disk may show: they
 * mount, keep what was synced, and check clean once their journal is replayed.
 */
class FilesystemsAfterCutIT {

    private static final long SEED = 20261122;
    private static final int SYNCED_FILES = 12;
    private static final int CACHED_WRITES = 5;
    private static final Duration LIMIT = Duration.ofMinutes(2);

    /** Chooses survivors among what is in the cache. */
    @FunctionalInterface
    private interface Policy {
        Survivors of(List<UnflushedWrite> cached);
    }

    private record Named(String name, Policy policy) {}

    private static final List<Named> POLICIES = List.of(
            new Named("none survives", cached -> Survivors.NONE),
            new Named("all survive", cached -> Survivors.ALL),
            new Named("the first survives", cached -> Survivors.prefix(1)),
            new Named("the first half survives", cached -> Survivors.prefix(cached.size() / 2)),
            new Named("the first half survives, its last torn", cached -> Survivors.prefix((cached.size() + 1) / 2)
                    .torn(Survivors.Tearing.LAST)
                    .withSeed(SEED)),
            new Named("a random half survives", cached -> Survivors.random(SEED)),
            new Named("a random tenth survives", cached -> Survivors.random(SEED, 0.1)),
            new Named("a random half survives, each torn", cached -> Survivors.random(SEED + 1)
                    .torn()),
            new Named("every other one survives", FilesystemsAfterCutIT::everyOther),
            new Named("only the last survives", FilesystemsAfterCutIT::onlyLast));

    /** What becomes of the disk itself; the others of snapshots. */
    private static final Named REALLY_CUT = POLICIES.get(7);

    private static Survivors everyOther(List<UnflushedWrite> cached) {
        List<Long> sequences =
                cached.stream().map(UnflushedWrite::sequence).distinct().toList();
        List<Long> chosen = new ArrayList<>();
        for (int i = 0; i < sequences.size(); i += 2) {
            chosen.add(sequences.get(i));
        }
        return Survivors.of(chosen);
    }

    private static Survivors onlyLast(List<UnflushedWrite> cached) {
        return cached.isEmpty()
                ? Survivors.of(List.of())
                : Survivors.of(List.of(cached.get(cached.size() - 1).sequence()));
    }

    @TestFactory
    Stream<DynamicTest> ext4() throws Exception {
        return tests(new Kind(Filesystem.EXT4, "64MiB", 5, List.of("e2fsck", "-f", "-n")));
    }

    @TestFactory
    Stream<DynamicTest> xfs() throws Exception {
        return tests(new Kind(Filesystem.XFS, "320MiB", 23, List.of("xfs_repair", "-n")));
    }

    @TestFactory
    Stream<DynamicTest> btrfs() throws Exception {
        return tests(new Kind(Filesystem.BTRFS, "256MiB", 60, List.of("btrfs", "check", "--readonly")));
    }

    /** A filesystem, after how many writes a rule cuts its disk's power, and the command that checks it. */
    private record Kind(Filesystem filesystem, String size, int writes, List<String> check) {}

    /**
     * One disk is cut, for making a filesystem takes longer than all the rest. What the other policies would have left of it
     * are snapshots of the moment before.
     */
    private static Stream<DynamicTest> tests(Kind kind) throws Exception {
        Cut cut = new Cut(kind);
        return Stream.concat(
                        POLICIES.stream()
                                .map(named -> DynamicTest.dynamicTest(named.name(), () -> cut.checkFork(named))),
                        Stream.of(
                                DynamicTest.dynamicTest("the disk itself, " + REALLY_CUT.name(), cut::restoreAndCheck),
                                DynamicTest.dynamicTest(
                                        "cut by a rule after " + kind.writes + " writes", cut::cutByRule)))
                .onClose(cut::close);
    }

    /** A disk whose power was cut, and snapshots of what could have been left of it. */
    private static final class Cut implements AutoCloseable {
        private final Kind kind;
        private final BlockDevice disk;
        private final Map<Named, Snapshot> snapshots = new LinkedHashMap<>();
        private final FileTree synced;

        Cut(Kind kind) throws Exception {
            this.kind = kind;
            disk = BlockDevice.builder()
                    .size(kind.size)
                    .filesystem(kind.filesystem)
                    .seed(SEED)
                    .create();
            boolean done = false;
            try {
                Path root = disk.mount();
                synced = FileTree.write(root.resolve("synced"), SEED, SYNCED_FILES, 100_000);
                Files.createDirectories(root.resolve("unsynced"));
                assertThat(SystemCalls.syncFilesystem(root).ok()).isTrue();
                cut();
                done = true;
            } finally {
                if (!done) {
                    close();
                }
            }
        }

        private void cut() throws Exception {
            // A flush that is held keeps in the cache what it would have made durable.
            try (Fault flushes = disk.faults().on(Operation.FLUSH).hold()) {
                Worker worker = Worker.start(disk);
                List<UnflushedWrite> cached = List.of();
                for (int hit = 1; cached.size() < CACHED_WRITES; hit++) {
                    assertThat(hit)
                            .as("flushes with less than %d writes in the cache", CACHED_WRITES)
                            .isLessThan(100);
                    flushes.release();
                    flushes.awaitHits(hit, LIMIT);
                    cached = disk.unflushed();
                }
                for (Named named : POLICIES) {
                    snapshots.put(named, disk.snapshot(named.policy().of(cached)));
                }
                CutReport report = disk.powerCut(REALLY_CUT.policy().of(cached));
                assertThat(disk.powered()).isFalse();
                System.out.println(kind.filesystem + ": "
                        + report.toString().lines().findFirst().orElseThrow());
                worker.end();
            }
        }

        void checkFork(Named named) throws IOException {
            try (Snapshot left = snapshots.get(named);
                    BlockDevice fork = left.fork()) {
                mountAndCheck(fork);
            }
        }

        void restoreAndCheck() throws IOException {
            disk.restorePower();
            mountAndCheck(disk);
        }

        void cutByRule() throws Exception {
            Path root = disk.mount();
            try (Fault cut = disk.faults()
                    .on(Operation.WRITE)
                    .after(kind.writes)
                    .times(1)
                    .powerCut(Survivors.random(SEED).torn())) {
                Worker worker = Worker.start(disk);
                cut.awaitHit(LIMIT);
                Poll.until("the power to be off", LIMIT, () -> !disk.powered());
                worker.end();
            }
            disk.restorePower();
            assertThat(disk.mountPoint()).contains(root);
            mountAndCheck(disk);
        }

        private void mountAndCheck(BlockDevice some) throws IOException {
            synced.verify(some.mount().resolve("synced"));
            some.unmount();
            Commands.run(
                    Stream.concat(kind.check.stream(), Stream.of(some.path())).toArray());
        }

        @Override
        public void close() {
            snapshots.values().forEach(Snapshot::close);
            disk.close();
        }
    }

    /** Writes and removes files, and syncs them now and then, until the power is gone. */
    private static final class Worker extends Thread {
        private final Path directory;

        private Worker(Path directory) {
            super("writer");
            this.directory = directory;
        }

        static Worker start(BlockDevice disk) {
            Worker worker = new Worker(disk.mount().resolve("unsynced"));
            worker.start();
            return worker;
        }

        @Override
        public void run() {
            Random random = new Random(SEED);
            byte[] content = new byte[60_000];
            try {
                for (int i = 0; ; i++) {
                    random.nextBytes(content);
                    Files.write(directory.resolve("f" + i % 40), content);
                    if (i % 7 == 6) {
                        Files.deleteIfExists(directory.resolve("f" + (i - 3) % 40));
                    }
                    if (i % 10 == 9 && !SystemCalls.syncFilesystem(directory).ok()) {
                        return;
                    }
                }
            } catch (IOException | LastErrorException e) {
                // The power is off.
            }
        }

        void end() throws InterruptedException {
            join(LIMIT.toMillis());
            assertThat(isAlive())
                    .as("the writer goes on although the power is off")
                    .isFalse();
        }
    }
}
