// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.change;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.handler.Errno;
import io.dblock.it.support.SystemCalls;
import io.dblock.it.support.SystemCalls.Mode;
import io.dblock.junit.DblockDevice;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;

/** Disks that are protected from writes while they are in use. */
class ReadOnlyIT {

    @Test
    void whoHadItOpenForWritingGetsErrors(@DblockDevice(size = "8MiB") BlockDevice disk) {
        try (SystemCalls node = new SystemCalls(disk.path(), Mode.DIRECT)) {
            assertThat(node.write(SystemCalls.memory(4096), 4096, 1 << 20).ok()).isTrue();
            disk.setReadOnly(true);
            disk.journal().mark("read-only");
            assertThat(node.write(SystemCalls.memory(4096), 4096, 1 << 20).error())
                    .hasValueSatisfying(errno -> assertThat(errno).isIn(Errno.EIO, Errno.EPERM));
            assertThat(node.discard(1 << 20, 4096).ok()).isFalse();
            assertThat(node.read(SystemCalls.memory(4096), 4096, 1 << 20).ok()).isTrue();
            assertThat(disk.journal().requestsSince("read-only"))
                    .extracting(request -> request.info().operation().name())
                    .contains("READ")
                    .doesNotContain("WRITE", "DISCARD");
            disk.setReadOnly(false);
            assertThat(node.write(SystemCalls.memory(4096), 4096, 1 << 20).ok()).isTrue();
        }
    }

    @Test
    void aMountedFilesystemReportsItWithFsync(
            @DblockDevice(size = "64MiB", filesystem = Filesystem.EXT4) BlockDevice disk) throws Exception {
        Path file = Files.writeString(disk.mount().resolve("file"), "before");
        disk.dropCaches();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            disk.setReadOnly(true);
            assertThatThrownBy(() -> {
                        channel.write(ByteBuffer.wrap("after!".getBytes(java.nio.charset.StandardCharsets.UTF_8)));
                        channel.force(true);
                    })
                    .isInstanceOf(IOException.class);
        }
        assertThat(disk.spec().readOnly()).isTrue();
        disk.setReadOnly(false);
        // The journal was aborted; what was durable before is there.
        assertThat(disk.remount().resolve("file")).hasContent("before");
    }

    @Test
    void itIsMountedForReadingOnly(@DblockDevice(size = "64MiB", filesystem = Filesystem.EXT4) BlockDevice disk)
            throws Exception {
        Files.writeString(disk.mount().resolve("file"), "before");
        disk.unmount();
        disk.setReadOnly(true);
        Path root = disk.mount();
        assertThat(root.resolve("file")).hasContent("before");
        assertThatThrownBy(() -> Files.writeString(root.resolve("file"), "after"))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("Read-only");
    }
}
