// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.ImageMode;
import io.dblock.handler.Zones;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Which built-in store keeps a device's data; itself plain data, so that it can be sent to another process.
 *
 * @param size bytes; not used with an image
 * @param logicalBlock bytes
 * @param image the image file; without one, the data is in memory
 * @param mode how the file is used; present with an image
 * @param zones the zones of a zoned store, whose data is in memory
 */
public record StoreSpec(
        long size, int logicalBlock, Optional<Path> image, Optional<ImageMode> mode, Optional<Zones> zones) {

    /** Creates the spec of a store without zones. */
    public StoreSpec(long size, int logicalBlock, Optional<Path> image, Optional<ImageMode> mode) {
        this(size, logicalBlock, image, mode, Optional.empty());
    }
}
