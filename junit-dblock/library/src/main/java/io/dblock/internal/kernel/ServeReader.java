// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import java.io.IOException;
import java.nio.ByteBuffer;

/** DBLOCK_SERVE by read(2), see dblock.h: cheaper than ioctl(2) by JNA. */
@FunctionalInterface
interface ServeReader {
    /**
     * Makes one call, with the structure from the buffer's position to its limit.
     *
     * @throws IOException if the call could not be made; after an interrupt of this thread, it may have been made
     */
    void read(ByteBuffer call) throws IOException;
}
