// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.raw;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.it.support.FileTree;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Several devices of one JVM at once, without JUnit's help. */
class ParallelDevicesIT {

    private static final int DEVICES = 8;

    @Test
    void eightDevicesInParallelKeepTheirOwnFiles() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(DEVICES);
        CyclicBarrier allThere = new CyclicBarrier(DEVICES);
        try {
            List<Future<Path>> nodes = new ArrayList<>();
            for (int i = 0; i < DEVICES; i++) {
                long seed = i;
                nodes.add(threads.submit(() -> {
                    try (BlockDevice disk = BlockDevice.builder()
                            .size("32MiB")
                            .filesystem(Filesystem.EXT4)
                            .create()) {
                        FileTree files = FileTree.write(disk.mount().resolve("f"), seed, 10, 100_000);
                        allThere.await(5, TimeUnit.MINUTES);
                        files.verify(disk.remount().resolve("f"));
                        return disk.path();
                    }
                }));
            }
            Set<Path> seen = new HashSet<>();
            for (Future<Path> node : nodes) {
                seen.add(node.get(5, TimeUnit.MINUTES));
            }
            assertThat(seen).as("nodes of devices that were there together").hasSize(DEVICES);
            assertThat(seen).as("nodes after the end").allSatisfy(node -> assertThat(node)
                    .doesNotExist());
        } finally {
            threads.shutdownNow();
            assertThat(threads.awaitTermination(1, TimeUnit.MINUTES)).isTrue();
        }
    }
}
