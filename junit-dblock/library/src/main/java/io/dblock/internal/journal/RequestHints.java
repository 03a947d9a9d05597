// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.journal;

import io.dblock.handler.IoClass;
import io.dblock.handler.IoPriority;
import io.dblock.handler.WriteHint;

/**
 * Converts a request's I/O priority and write hint from the numbers of the module, see
 * {@link io.dblock.internal.kernel.Batch#hints}. It also packs them into eight bits: priority level (three), class
 * (two), write hint (three).
 */
public final class RequestHints {
    private static final int CLASS_SHIFT = 13;
    private static final int HINT_SHIFT = 16;
    private static final IoClass[] CLASSES = IoClass.values();
    private static final WriteHint[] HINTS = WriteHint.values();

    private RequestHints() {}

    /** Packs hints into eight bits. Unknown classes and hints become none. */
    static int pack(int hints) {
        if (hints == 0) {
            return 0;
        }
        int ioClass = hints >>> CLASS_SHIFT & 7;
        int hint = hints >>> HINT_SHIFT & 0xff;
        return (hints & 7) | (ioClass < CLASSES.length ? ioClass : 0) << 3 | (hint < HINTS.length ? hint : 0) << 5;
    }

    /** Reverses {@link #pack}. */
    static int unpack(int packed) {
        return (packed & 7) | (packed >>> 3 & 3) << CLASS_SHIFT | (packed >>> 5 & 7) << HINT_SHIFT;
    }

    /** Returns the I/O priority. */
    public static IoPriority priority(int hints) {
        int ioClass = hints >>> CLASS_SHIFT & 7;
        return ioClass == 0 || ioClass >= CLASSES.length
                ? IoPriority.NONE
                : new IoPriority(CLASSES[ioClass], hints & 7);
    }

    /** Returns the write hint. */
    public static WriteHint writeHint(int hints) {
        int hint = hints >>> HINT_SHIFT & 0xff;
        return hint < HINTS.length ? HINTS[hint] : WriteHint.NOT_SET;
    }
}
