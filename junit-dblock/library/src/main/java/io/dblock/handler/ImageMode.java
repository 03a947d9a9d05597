// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

/** How a device uses its image file. */
public enum ImageMode {
    /** Not set: the configuration parameter applies, otherwise {@link #COPY_ON_WRITE}. No device has this value. */
    DEFAULT,
    /** The device and the file are read-only. */
    READ_ONLY,
    /**
     * The device is writable. Written data stays in memory and is gone when the device is closed. The file does not
     * change.
     */
    COPY_ON_WRITE,
    /** Writes go to the file. */
    IN_PLACE
}
