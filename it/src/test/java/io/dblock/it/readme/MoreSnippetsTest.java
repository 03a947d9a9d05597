// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.readme;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.ImageMode;
import io.dblock.handler.Operation;
import io.dblock.junit.DblockDevice;
import io.dblock.junit.DblockExtension;
import java.io.IOException;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The shorter examples of README. */
class MoreSnippetsTest {

    // README:types
    @Test
    void theDeclaredTypeSaysWhatIsInjected(
            @DblockDevice(filesystem = Filesystem.XFS) Path mountPoint, // formatted and mounted
            @DblockDevice(size = "16MiB") Path node, // /dev/dblock1
            @DblockDevice(size = "16MiB") FileChannel direct) // the node, opened with O_DIRECT
            throws Exception {
        Files.createDirectory(mountPoint.resolve("data"));
        assertTrue(node.startsWith("/dev"));
        assertEquals(16 << 20, direct.size());
    }
    // README:end

    // README:meta
    @Target({ElementType.FIELD, ElementType.PARAMETER})
    @Retention(RetentionPolicy.RUNTIME)
    @DblockDevice(size = "256MiB", filesystem = Filesystem.EXT4, logicalBlockSize = 4096)
    @interface Ext4On4kBlocks {}
    // README:end

    @Test
    void aMetaAnnotationAsksForADevice(@Ext4On4kBlocks BlockDevice disk) {
        assertEquals(4096, disk.logicalBlockSize());
    }

    // README:extension
    @RegisterExtension
    DblockExtension full = DblockExtension.builder()
            .size("16MiB")
            .requestHandler(() -> request -> {
                if (request.operation() == Operation.WRITE) {
                    throw new BlockIOException(Errno.ENOSPC, "this disk is full");
                }
                request.complete(); // a read is zeros unless the handler fills request.data()
            })
            .build();

    @Test
    void aFullDiskIsReported() throws Exception {
        try (FileChannel channel = full.device().openChannel()) {
            ByteBuffer block = ByteBuffer.allocate(4096);
            IOException e = assertThrows(IOException.class, () -> channel.write(block, 0));
            assertTrue(e.getMessage().contains("No space left"));
        }
    }
    // README:end

    @TempDir
    Path dir;

    @Test
    void withoutJUnit() throws Exception {
        Path image = dir.resolve("disk.img");
        Files.write(image, new byte[32 << 20]);
        // README:builder
        try (BlockDevice disk = BlockDevice.builder()
                .image(image, ImageMode.COPY_ON_WRITE) // the file stays as it is
                .filesystem(Filesystem.EXT4)
                .create()) {
            disk.format();
            Files.writeString(disk.mount().resolve("hello"), "world");
        } // unmounted, destroyed; what still holds it open is named in a LeakException
        // README:end
        assertEquals(-1, java.util.Arrays.mismatch(Files.readAllBytes(image), new byte[32 << 20]));
    }
}
