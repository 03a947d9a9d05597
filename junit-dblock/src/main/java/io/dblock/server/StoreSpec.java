// SPDX-License-Identifier: Apache-2.0
package io.dblock.server;

import io.dblock.handler.ImageMode;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Which of the built-in stores keeps a device's data: plain data, so that it can be sent to another process.
 *
 * @param size bytes; plays no part with an image
 * @param logicalBlock bytes
 * @param image the file; without one the store is memory
 * @param mode what becomes of the file; present with an image
 */
public record StoreSpec(long size, int logicalBlock, Optional<Path> image, Optional<ImageMode> mode) {}
