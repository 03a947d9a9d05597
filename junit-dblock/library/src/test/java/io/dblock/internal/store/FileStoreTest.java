// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.ImageMode;
import io.dblock.handler.WriteFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileStoreTest {
    @TempDir
    Path directory;

    private Path image;
    private final byte[] content = BlockHandlerContract.random(1, 65536);

    @BeforeEach
    void makeImage() throws IOException {
        image = Files.write(directory.resolve("disk.img"), content);
    }

    @Test
    void copyOnWriteNeverTouchesTheFile() throws Exception {
        try (FileStore store = new FileStore(image, ImageMode.COPY_ON_WRITE, 512)) {
            store.write(512, ByteBuffer.allocate(512), WriteFlags.NONE);
            store.discard(8192, 8192);
            store.writeZeroes(32768, 512, false);
            store.flush();
        }
        assertThat(image).hasBinaryContent(content);
    }

    @Test
    void inPlaceWritesToTheFile() throws Exception {
        try (FileStore store = new FileStore(image, ImageMode.IN_PLACE, 512)) {
            store.write(512, ByteBuffer.allocate(512), new WriteFlags(true, false, false));
            store.discard(8192, 8192);
            store.writeZeroes(32768, 512, false);
            store.flush();
        }
        Arrays.fill(content, 512, 1024, (byte) 0);
        Arrays.fill(content, 8192, 16384, (byte) 0);
        Arrays.fill(content, 32768, 33280, (byte) 0);
        assertThat(image).hasBinaryContent(content);
    }

    @Test
    void aDiscardInPlaceGivesTheSpaceBack() throws Exception {
        Path large = Files.write(directory.resolve("large.img"), BlockHandlerContract.random(2, 8 << 20));
        long before = blocks(large);
        try (FileStore store = new FileStore(large, ImageMode.IN_PLACE, 512)) {
            store.discard(0, 4 << 20);
        }
        assertThat(Files.size(large)).isEqualTo(8 << 20);
        assertThat(blocks(large)).isLessThanOrEqualTo(before - (3 << 20) / 512);
    }

    /** The file's space, in units of 512 bytes. */
    private static long blocks(Path file) throws Exception {
        Process process = new ProcessBuilder("stat", "-c", "%b", file.toString()).start();
        return Long.parseLong(
                new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.US_ASCII)
                        .strip());
    }

    @Test
    void readOnlyRefusesWritesWithErofs() throws Exception {
        try (FileStore store = new FileStore(image, ImageMode.READ_ONLY, 512)) {
            assertThatThrownBy(() -> store.write(0, ByteBuffer.allocate(512), WriteFlags.NONE))
                    .isInstanceOfSatisfying(
                            BlockIOException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EROFS))
                    .hasMessageContaining("READ_ONLY");
            assertThatThrownBy(() -> store.discard(0, 512)).isInstanceOf(BlockIOException.class);
        }
        assertThat(image).hasBinaryContent(content);
    }

    @Test
    void readOnlyNeedsNoPermissionToWrite() throws Exception {
        assertThat(image.toFile().setWritable(false)).isTrue();
        new FileStore(image, ImageMode.READ_ONLY, 512).close();
        new FileStore(image, ImageMode.COPY_ON_WRITE, 512).close();
    }

    @Test
    void anImageThatIsNoMultipleOfTheBlockIsRefusedWithTheCommandThatMendsIt() throws Exception {
        Files.write(image, new byte[1000]);
        assertThatThrownBy(() -> new FileStore(image, ImageMode.READ_ONLY, 512))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("has 1000 bytes")
                .hasMessageContaining("multiple of the logical block (512 bytes)")
                .hasMessageContaining("truncate -s %512 " + image);
    }

    @Test
    void anEmptyImageIsRefused() throws Exception {
        Files.write(image, new byte[0]);
        assertThatThrownBy(() -> new FileStore(image, ImageMode.IN_PLACE, 512))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("has 0 bytes");
    }

    @Test
    void aMissingImageIsNamed() {
        assertThatThrownBy(() -> new FileStore(directory.resolve("none"), ImageMode.IN_PLACE, 512))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("none");
    }

    @Test
    void aFileTruncatedUnderTheDeviceIsReported() throws Exception {
        try (FileStore store = new FileStore(image, ImageMode.READ_ONLY, 512)) {
            Files.write(image, new byte[512]);
            assertThatThrownBy(() -> store.read(4096, ByteBuffer.allocate(512)))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("truncated");
        }
    }

    @Test
    void theHolesOfTheFileAreKnown() throws Exception {
        Path sparse = directory.resolve("sparse.img");
        try (java.io.RandomAccessFile file = new java.io.RandomAccessFile(sparse.toFile(), "rw")) {
            file.setLength(16 << 20);
            file.seek(8 << 20);
            file.write(content);
        }
        for (ImageMode mode : EnumSet.complementOf(EnumSet.of(ImageMode.DEFAULT))) {
            try (FileStore store = new FileStore(sparse, mode, 512)) {
                assertThat(store.findData(0, 16 << 20)).as("data, %s", mode).isEqualTo(8 << 20);
                assertThat(store.findHole(8 << 20, 16 << 20))
                        .as("hole, %s", mode)
                        .isEqualTo((8 << 20) + 65536);
                assertThat(store.findData(12 << 20, 16 << 20))
                        .as("no more, %s", mode)
                        .isEqualTo(16 << 20);
                assertThat(store.findHole(0, 16 << 20))
                        .as("at a hole, %s", mode)
                        .isZero();
                if (mode != ImageMode.READ_ONLY) {
                    store.write(4 << 20, ByteBuffer.allocate(4096), WriteFlags.NONE);
                    assertThat(store.findData(0, 16 << 20))
                            .as("new data, %s", mode)
                            .isEqualTo(4 << 20);
                }
                if (mode == ImageMode.COPY_ON_WRITE) {
                    store.discard(0, 16 << 20);
                    assertThat(store.findData(0, 16 << 20)).isEqualTo(16 << 20);
                }
            }
        }
    }

    @Test
    void aClosedCopyOnWriteStoreRefusesInsteadOfTouchingFreedMemory() throws Exception {
        FileStore store = new FileStore(image, ImageMode.COPY_ON_WRITE, 512);
        store.write(0, ByteBuffer.allocate(4096), WriteFlags.NONE);
        store.close();
        assertThatThrownBy(() -> store.read(0, ByteBuffer.allocate(512))).isInstanceOf(IOException.class);
        assertThatThrownBy(() -> store.write(0, ByteBuffer.allocate(512), WriteFlags.NONE))
                .isInstanceOf(IOException.class);
    }
}
