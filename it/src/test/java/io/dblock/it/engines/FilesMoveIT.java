// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.engines;

import static io.dblock.Filesystem.EXT4;
import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.DSYNC;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashTest;
import io.dblock.it.support.Verdict;
import io.dblock.junit.DblockDevice;
import java.io.IOException;
import java.nio.file.CopyOption;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/**
 * The JDK's {@code Files.move}: a program writes its settings to a new file and moves it over the old one. With
 * {@code REPLACE_EXISTING} the JDK removes the old file first, and a power cut then leaves none. {@code ATOMIC_MOVE} is one
 * rename. The Javadoc says so since JDK 23 (JDK-8323194).
 */
class FilesMoveIT {

    // dirsync: each change of a directory is synced at once.
    @DblockDevice(size = "16MiB", filesystem = EXT4, mountOptions = "dirsync,commit=3600")
    BlockDevice disk;

    @Test
    void replaceExistingLeavesNoFileForAMoment() throws Exception {
        AssertionError failure = Verdict.of("Files.move with REPLACE_EXISTING", test(REPLACE_EXISTING))
                .isLoss(disk, () -> test(REPLACE_EXISTING));
        assertThat(failure).hasMessageContaining("NoSuchFileException");
    }

    @Test
    void atomicMoveLeavesTheOldOrTheNewFile() throws Exception {
        Verdict.of("Files.move with ATOMIC_MOVE", test(ATOMIC_MOVE)).isNoLoss(20);
    }

    private CrashTest test(CopyOption how) throws IOException {
        Files.writeString(disk.mount().resolve("settings"), "old");
        return CrashTest.of(disk)
                .workload(run -> {
                    Path settings = disk.mount().resolve("settings");
                    Path next = settings.resolveSibling("settings.next");
                    Files.writeString(next, "new", CREATE_NEW, WRITE, DSYNC);
                    Files.move(next, settings, how);
                    run.acknowledge("new");
                })
                .check(state -> {
                    String found = Files.readString(state.mount().resolve("settings"));
                    assertThat(found).isIn("old", "new");
                    state.acknowledged(String.class)
                            .forEach(acknowledged -> assertThat(found).isEqualTo(acknowledged));
                });
    }
}
