// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.handler.ImageMode;
import io.dblock.oracle.PowerOracle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(300)
class WriteCacheOracleTest {
    private static final int SIZE = (256 << 10) + 512;
    private static final int OPERATIONS = 2000;

    @TempDir
    Path directory;

    private interface Stores {
        Store open(long seed) throws Exception;
    }

    private void examine(String kind, long firstSeed, int seeds, Stores stores) throws Exception {
        examine(kind, 512, firstSeed, seeds, stores);
    }

    private void examine(String kind, int block, long firstSeed, int seeds, Stores stores) throws Exception {
        Map<String, Integer> counts = PowerOracle.newCounts();
        for (long seed = firstSeed; seed < firstSeed + seeds; seed++) {
            try (WriteCacheDisk disk = new WriteCacheDisk(stores.open(seed), block)) {
                PowerOracle.run(disk, seed, OPERATIONS, counts);
            }
        }
        System.out.println("oracle power: " + kind + ", " + seeds * OPERATIONS + " operations, seeds " + firstSeed
                + " to " + (firstSeed + seeds - 1) + ", " + counts);
        assertThat(counts.keySet())
                .as("what was tried")
                .contains(
                        "WRITE",
                        "WRITE FUA",
                        "WRITE in flight",
                        "FLUSH",
                        "FLUSH in flight",
                        "DISCARD",
                        "WRITE_ZEROES",
                        "READ",
                        "cut",
                        "in flight at a cut",
                        "limit",
                        "snapshot",
                        "snapshot of a cut",
                        "snapshot closed",
                        "fork",
                        "survivors NONE",
                        "survivors ALL",
                        "survivors PREFIX",
                        "survivors RANDOM",
                        "survivors LIST",
                        "tearing NONE",
                        "tearing LAST",
                        "tearing EACH");
    }

    private Path image(long seed) throws Exception {
        byte[] content = new byte[SIZE];
        new Random(seed).nextBytes(content);
        java.util.Arrays.fill(content, SIZE / 4, SIZE / 2, (byte) 0);
        return Files.write(directory.resolve("image" + seed), content);
    }

    @Test
    void aDiskInMemoryIsWhatTheModelIs() throws Exception {
        examine("memory", 1000, 4, seed -> new MemoryStore(SIZE));
    }

    @Test
    void aDiskWhoseBlocksAreLargerThanAPageIsWhatTheModelIs() throws Exception {
        examine("memory in blocks of 8 KiB", 8192, 5000, 1, seed -> new MemoryStore(65 * 8192));
    }

    @Test
    void anImageWrittenInPlaceIsWhatTheModelIs() throws Exception {
        examine("image in place", 2000, 2, seed -> new FileStore(image(seed), ImageMode.IN_PLACE, 512));
    }

    @Test
    void anImageWrittenToMemoryIsWhatTheModelIs() throws Exception {
        examine("image copied on write", 3000, 2, seed -> new FileStore(image(seed), ImageMode.COPY_ON_WRITE, 512));
    }

    @Test
    void aForkOfAForkIsWhatTheModelIs() throws Exception {
        examine("fork of a fork", 4000, 2, seed -> {
            MemoryStore memory = new MemoryStore(SIZE);
            byte[] content = new byte[SIZE / 2 / 512 * 512];
            new Random(seed).nextBytes(content);
            memory.write(0, java.nio.ByteBuffer.wrap(content), io.dblock.handler.WriteFlags.NONE);
            return new MemoryStore(new MemoryStore(memory));
        });
    }
}
