// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.ImageMode;
import io.dblock.handler.Zones;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Which of the built-in stores keeps a device's data: plain data, so that it can be sent to another process.
 *
 * @param size bytes; plays no part with an image
 * @param logicalBlock bytes
 * @param image the file; without one the store is memory
 * @param mode what becomes of the file; present with an image
 * @param zones if it has zones, which only memory can
 */
public record StoreSpec(
        long size, int logicalBlock, Optional<Path> image, Optional<ImageMode> mode, Optional<Zones> zones) {

    /** One without zones. */
    public StoreSpec(long size, int logicalBlock, Optional<Path> image, Optional<ImageMode> mode) {
        this(size, logicalBlock, image, mode, Optional.empty());
    }
}
