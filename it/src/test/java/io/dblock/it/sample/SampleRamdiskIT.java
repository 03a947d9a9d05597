// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.sample;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.it.support.Commands;
import io.dblock.it.support.Poll;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The sample RAM disk in C, as README has a user run it. */
class SampleRamdiskIT {

    private static final Path NODE = Path.of("/dev/dblockramdisk");

    @TempDir
    Path dir;

    /** The kernel makes the node a moment before the disk is there. */
    private static boolean opens() {
        try (FileChannel node = FileChannel.open(NODE, StandardOpenOption.READ)) {
            return node.isOpen();
        } catch (IOException e) {
            return false;
        }
    }

    @Test
    void theSampleIsFormattedMountedUsedAndDestroyedFromAnotherTerminal() throws Exception {
        try (BlockDevice loaded = BlockDevice.builder().size("1MiB").create()) {
            assertThat(loaded.path()).as("the module is loaded").exists();

            Path sample = Path.of(System.getProperty("dblock.it.sample"));
            assertThat(sample).as("built before the tests").isExecutable();
            Process server = new ProcessBuilder(sample.toString())
                    .redirectOutput(dir.resolve("out").toFile())
                    .redirectErrorStream(true)
                    .start();
            try {
                Poll.until(NODE + " to appear", Duration.ofMinutes(1), SampleRamdiskIT::opens);
                Commands.run("mkfs.ext4", "-q", NODE);
                Path mount = Files.createDirectory(dir.resolve("mnt"));
                Commands.run("mount", NODE, mount);
                Files.writeString(mount.resolve("file"), "content");
                Commands.run("umount", mount);
                Commands.run("mount", NODE, mount);
                assertThat(mount.resolve("file")).hasContent("content");

                assertThat(Commands.tryRun(sample, "-d").status())
                        .as("-d while it is mounted")
                        .isNotZero();
                Commands.run("umount", mount);
                Commands.run(sample, "-d");
                assertThat(server.waitFor(1, TimeUnit.MINUTES))
                        .as("the first one ends within a minute")
                        .isTrue();
                assertThat(server.exitValue()).isZero();
                assertThat(NODE).doesNotExist();
            } finally {
                server.destroyForcibly();
            }
        }
    }
}
