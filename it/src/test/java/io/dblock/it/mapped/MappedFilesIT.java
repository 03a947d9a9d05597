// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.mapped;

import static io.dblock.Filesystem.EXT4;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A test that maps files of its own disk into memory, while garbage is collected all the time. If the disk were served by
 * the same JVM, this would not end, see {@link MappedInOwnJvmIT}.
 */
class MappedFilesIT {
    private static final int PAGES = 1536;
    private static final int ROUNDS = 6;
    private static final int COLLECTIONS = 40;
    private static final long SEED = 23;

    @Test
    @Timeout(value = 10, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void filesOfTheDiskAreWrittenAndReadThroughMemoryWhileGarbageIsCollectedAllTheTime(
            @DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        MappedFile content = new MappedFile(PAGES, SEED);
        try (RandomAccessFile file = new RandomAccessFile(file(disk).toFile(), "rw")) {
            file.setLength(content.size());
        }
        try (ForcedCollections collections = new ForcedCollections()) {
            content.write(file(disk), 1);
            for (int round = 0; round < ROUNDS || collections.done() < COLLECTIONS; round++) {
                if (round % 2 == 0) {
                    disk.remount();
                } else {
                    disk.dropCaches();
                }
                long read = disk.statistics().bytesRead();
                content.verify(file(disk));
                assertThat(disk.statistics().bytesRead() - read)
                        .as("bytes that the faults of round %d had to read from the disk", round)
                        .isGreaterThanOrEqualTo(content.size());

                // A page that is not there yet is read before it is written.
                disk.dropCaches();
                content.write(file(disk), 4);
            }
            assertThat(collections.done()).as("garbage collections").isGreaterThanOrEqualTo(COLLECTIONS);
        }
        disk.remount();
        content.verify(file(disk));
    }

    private static Path file(BlockDevice disk) {
        return disk.mount().resolve("mapped");
    }
}
