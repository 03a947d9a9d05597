// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import java.nio.ByteBuffer;

/** Buffers for direct I/O. */
public final class AlignedBuffers {

    private static final int ALIGNMENT = 4096;

    private AlignedBuffers() {}

    /** A buffer of {@code size} zero bytes at an address that suits every logical block size. */
    public static ByteBuffer allocate(int size) {
        // alignedSlice() rounds the end down, too.
        int rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        return ByteBuffer.allocateDirect(rounded + ALIGNMENT)
                .alignedSlice(ALIGNMENT)
                .limit(size)
                .slice();
    }
}
