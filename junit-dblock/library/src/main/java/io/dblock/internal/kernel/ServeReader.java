// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import java.io.IOException;

/** DBLOCK_SERVE by read(2), see dblock.h: cheaper than ioctl(2) by JNA. */
@FunctionalInterface
interface ServeReader {
    /**
     * Makes one call, with the structure at this address.
     *
     * @throws IOException if the call was not made
     */
    void read(long address) throws IOException;
}
