// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.engines;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.handler.Operation.FLUSH;
import static io.dblock.power.Survivors.NONE;
import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import java.nio.file.CopyOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

/**
 * The JDK's {@code Files.move}: a program writes its settings to a new file and moves it over the old one. With
 * {@code REPLACE_EXISTING} the JDK removes the old file first, and a power cut then leaves none. {@code ATOMIC_MOVE} is one
 * rename. The Javadoc says so since JDK 23 (JDK-8323194).
 */
class FilesMoveIT {

    // dirsync: each change of a directory is synced at once.
    @DblockDevice(size = "16MiB", filesystem = EXT4, mountOptions = "dirsync")
    BlockDevice disk;

    @Test
    void replaceExistingLeavesNoFileForAMoment() throws Exception {
        assertThat(settingsAfterCuts(REPLACE_EXISTING)).containsExactly("old", "missing", "new");
    }

    @Test
    void atomicMoveLeavesTheOldOrTheNewFile() throws Exception {
        assertThat(settingsAfterCuts(ATOMIC_MOVE)).containsExactly("old", "new");
    }

    /** What a power cut leaves of the settings: at each flush during the move, and after it. */
    private Set<String> settingsAfterCuts(CopyOption how) throws Exception {
        Path settings = disk.mount().resolve("settings");
        Path next = settings.resolveSibling("settings.next");
        Files.writeString(settings, "old");
        Files.writeString(next, "new");
        disk.remount(); // both are on the disk

        Set<String> found = new LinkedHashSet<>();
        CutPoints.during(() -> Files.move(next, settings, how), disk.faults().on(FLUSH), () -> {
            try (BlockDevice after = disk.fork(NONE)) {
                Path left = after.mount().resolve("settings");
                found.add(Files.exists(left) ? Files.readString(left) : "missing");
            }
        });
        return found;
    }
}
