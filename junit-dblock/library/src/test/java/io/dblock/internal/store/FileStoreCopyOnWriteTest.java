// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.handler.BlockHandler;
import io.dblock.handler.ImageMode;
import java.nio.file.Files;
import java.nio.file.Path;

class FileStoreCopyOnWriteTest extends BlockHandlerContract
        implements BlockHandlerContract.StartsWithContent,
                BlockHandlerContract.ChecksRanges,
                BlockHandlerContract.Writes,
                BlockHandlerContract.ZeroesAndDiscards,
                BlockHandlerContract.ManyThreads {
    private int images;

    @Override
    BlockHandler create(byte[] content) throws Exception {
        Path image = Files.write(directory.resolve("image" + images++), content);
        return new FileStore(image, ImageMode.COPY_ON_WRITE, BLOCK);
    }
}
