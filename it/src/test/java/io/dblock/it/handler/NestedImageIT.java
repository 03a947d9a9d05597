// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.handler;

import static io.dblock.Filesystem.EXT4;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.LeakException;
import io.dblock.Placement;
import io.dblock.handler.ImageMode;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The image of one device lies on the filesystem of another: what keeps that one from ending is named as what it is. */
class NestedImageIT {

    private static BlockDevice outer() {
        return BlockDevice.builder().size("64MiB").filesystem(EXT4).create();
    }

    private static Path image(Path mountPoint) throws IOException {
        Path image = mountPoint.resolve("image");
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(8 << 20);
        }
        return image;
    }

    private static String held(BlockDevice inner, Path image) {
        return inner.name() + ", whose image " + image + " lies on it";
    }

    @ParameterizedTest
    @EnumSource(Placement.class)
    void theInnerDeviceIsNamed(Placement placement) throws Exception {
        try (BlockDevice outer = outer()) {
            Path image = image(outer.mount());
            try (BlockDevice inner = BlockDevice.builder()
                    .image(image, ImageMode.IN_PLACE)
                    .placement(placement)
                    .create()) {
                assertThatThrownBy(outer::unmount)
                        .isInstanceOf(LeakException.class)
                        .hasMessageContaining(held(inner, image))
                        .hasMessageNotContaining("pid ");
            }
            outer.unmount();
        }
    }

    @Test
    void theInnerDeviceIsNamedWhenTheOuterIsClosedFirst() throws Exception {
        BlockDevice outer = outer();
        Path image = image(outer.mount());
        try (BlockDevice inner =
                BlockDevice.builder().image(image, ImageMode.COPY_ON_WRITE).create()) {
            assertThatThrownBy(outer::close)
                    .isInstanceOf(LeakException.class)
                    .hasMessageContaining(held(inner, image))
                    .hasMessageNotContaining("pid ");
        }
    }

    @Test
    void aForkThatHasOutlivedTheInnerDeviceIsNamed() throws Exception {
        BlockDevice outer = outer();
        Path image = image(outer.mount());
        BlockDevice fork;
        try (BlockDevice inner =
                BlockDevice.builder().image(image, ImageMode.COPY_ON_WRITE).create()) {
            fork = inner.fork();
        }
        try (fork) {
            assertThatThrownBy(outer::close)
                    .isInstanceOf(LeakException.class)
                    .hasMessageContaining(held(fork, image))
                    .hasMessageNotContaining("pid ");
        }
    }
}
