// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

/** What becomes of an image file that a device is made of. */
public enum ImageMode {
    /** The device is read-only, so is the file. */
    READ_ONLY,
    /** The device can be written; what is written stays in memory and ends with the device. The file is not touched. */
    COPY_ON_WRITE,
    /** Writes go to the file. */
    IN_PLACE
}
