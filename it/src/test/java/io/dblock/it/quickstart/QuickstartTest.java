// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.quickstart;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.junit.DblockDevice;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** The whole path in one test; {@code mvn -Pquickstart verify} runs it and prints what it reports. */
class QuickstartTest {

    @DblockDevice(size = "64MiB", filesystem = Filesystem.EXT4)
    BlockDevice disk;

    @Test
    void whatIsWrittenIsThereAfterARemount(TestReporter reporter) throws Exception {
        Path file = disk.mount().resolve("greeting");
        String written = "Hello from a real block device";
        Files.writeString(file, written);

        disk.remount(); // what is read now comes from the device, not from a cache

        String read = Files.readString(file);
        assertThat(read).isEqualTo(written);

        String mount = Files.readAllLines(Path.of("/proc/self/mounts")).stream()
                .filter(line -> line.startsWith(disk.path() + " "))
                .findFirst()
                .orElseThrow();
        Report.print(
                "environment",
                System.getenv("DBLOCK_GUEST") == null ? "this host" : "a guest of this host",
                "kernel",
                Files.readString(Path.of("/proc/version")).strip(),
                "device node",
                disk.path() + ", " + disk.size() + " bytes, served by Java " + Runtime.version(),
                "filesystem",
                mount,
                "written",
                "\"" + written + "\" to " + file,
                "read back",
                "\"" + read + "\" from " + file,
                "requests",
                disk.statistics().toString());
        reporter.publishEntry("node", disk.path().toString());
    }
}
