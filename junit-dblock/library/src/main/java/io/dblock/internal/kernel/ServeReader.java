// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import java.io.IOException;
import java.nio.ByteBuffer;

/** DBLOCK_SERVE by read(2), see dblock.h: a way to call it that costs less than ioctl(2) by JNA. */
@FunctionalInterface
interface ServeReader {
    /**
     * One call, with the structure from the buffer's position to its limit.
     *
     * @throws IOException if it could not be made; or if this thread was interrupted, then perhaps it was
     */
    void read(ByteBuffer call) throws IOException;
}
