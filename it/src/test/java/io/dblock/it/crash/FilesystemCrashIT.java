// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.crash.CrashReport;
import io.dblock.crash.CrashTest;
import io.dblock.it.support.Verdict;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The filesystems themselves keep what they promise: what was synced is there, in every state. */
@Timeout(600)
class FilesystemCrashIT {
    private static final int FILES = 4;

    private static void create(Path file, String text) throws IOException {
        try (FileChannel channel = FileChannel.open(file, CREATE, WRITE)) {
            channel.write(ByteBuffer.wrap(text.getBytes(UTF_8)));
            channel.force(true);
        }
        Durable.syncNames(file.getParent());
    }

    @ParameterizedTest
    @CsvSource({"EXT4, 64MiB", "XFS, 320MiB", "BTRFS, 128MiB"})
    void whatWasSyncedIsThereInEveryState(Filesystem filesystem, String size) {
        try (BlockDevice disk =
                BlockDevice.builder().size(size).filesystem(filesystem).seed(1).create()) {
            CrashReport report = CrashTest.of(disk)
                    .workload(run -> {
                        Path directory = Files.createDirectory(disk.mount().resolve("directory"));
                        Durable.syncNames(directory.getParent());
                        for (int i = 0; i < FILES; i++) {
                            create(directory.resolve("new"), "content " + i);
                            Files.move(directory.resolve("new"), directory.resolve("file" + i), ATOMIC_MOVE);
                            Durable.syncNames(directory);
                            run.acknowledge(i);
                        }
                        disk.unmount(); // btrfs does not mount two devices with one id
                    })
                    .check(state -> {
                        Path directory = state.mount().resolve("directory");
                        for (int i : state.acknowledged(Integer.class)) {
                            assertThat(directory.resolve("file" + i)).hasContent("content " + i);
                        }
                    })
                    .within(Duration.ofMinutes(1))
                    .verify();
            Verdict.table("known-verdicts", "FilesystemCrashIT").put(Verdict.row(filesystem.toString(), report));
            assertThat(report.checked() + report.pruned()).isGreaterThan(50);
        }
    }
}
