// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.internal.kernel.ProcFs;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunDirectoryTest {
    @TempDir
    Path root;

    private Path base;
    private Path stat;
    private RunDirectory runs;

    @BeforeEach
    void setUp() throws Exception {
        base = root.resolve("run");
        stat = Files.createDirectories(root.resolve("proc/100")).resolve("stat");
        Files.writeString(stat, "100 (java) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 1111 20 21\n");
        runs = new RunDirectory(base, new ProcFs(root.resolve("proc")), 100);
    }

    @Test
    void nothingOfADeviceStays() {
        runs.note("dblock0");
        runs.note("dblock1");
        assertThat(runs.createMountDirectory("dblock0")).isEqualTo(base.resolve("100-1111/mnt/dblock0"));
        runs.removeMountDirectory("dblock0");
        runs.forget("dblock0");
        assertThat(base.resolve("100-1111/mnt")).doesNotExist();
        assertThat(base.resolve("100-1111/devices")).isDirectoryContaining("glob:**/dblock1");
        runs.removeMountDirectory("dblock1");
        runs.forget("dblock1");
        assertThat(base).isEmptyDirectory();
    }

    @Test
    void itIsTheSameWhateverProcSaysLater() throws Exception {
        runs.note("dblock0");
        Files.delete(stat);
        assertThat(runs.createMountDirectory("dblock0")).isEqualTo(base.resolve("100-1111/mnt/dblock0"));
        runs.removeMountDirectory("dblock0");
        runs.forget("dblock0");
        assertThat(base).isEmptyDirectory();
    }

    @Test
    void devicesComeAndGoAtTheSameTime() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            List<Future<?>> all = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                String device = "dblock" + i;
                all.add(threads.submit(() -> {
                    for (int round = 0; round < 2000; round++) {
                        runs.note(device);
                        runs.removeMountDirectory(device);
                        runs.forget(device);
                    }
                }));
            }
            for (Future<?> one : all) {
                one.get(60, TimeUnit.SECONDS);
            }
        } finally {
            threads.shutdownNow();
        }
        assertThat(base).isEmptyDirectory();
    }
}
