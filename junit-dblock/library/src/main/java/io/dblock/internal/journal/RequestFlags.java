// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.journal;

import io.dblock.handler.RequestFlag;
import io.dblock.internal.kernel.Batch;
import java.util.EnumSet;

/** Converts the flags of a request from the numbers of the module. */
public final class RequestFlags {
    private RequestFlags() {}

    /** Returns the flags in these bits, {@code REQ_} of {@link Batch}; unknown bits are left out. */
    public static EnumSet<RequestFlag> of(int bits) {
        EnumSet<RequestFlag> flags = EnumSet.noneOf(RequestFlag.class);
        for (RequestFlag flag : RequestFlag.values()) {
            if (has(bits, flag)) {
                flags.add(flag);
            }
        }
        return flags;
    }

    /** Returns whether this flag is in these bits. */
    public static boolean has(int bits, RequestFlag flag) {
        int bit =
                switch (flag) {
                    case FUA -> Batch.REQ_FUA;
                    case META -> Batch.REQ_META;
                    case SYNC -> Batch.REQ_SYNC;
                    case NOUNMAP -> Batch.REQ_NOUNMAP;
                    case READ_AHEAD -> Batch.REQ_RAHEAD;
                    case PRIORITY -> Batch.REQ_PRIO;
                    case BACKGROUND -> Batch.REQ_BACKGROUND;
                    case SWAP -> Batch.REQ_SWAP;
                };
        return (bits & bit) != 0;
    }
}
