// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.journal;

import io.dblock.handler.RequestFlag;
import io.dblock.internal.kernel.Batch;
import java.util.EnumSet;
import java.util.Set;

/** Converts the flags of a request from the numbers of the module. */
public final class RequestFlags {
    private RequestFlags() {}

    /** Returns the flags in these bits, {@code REQ_} of {@link Batch}; unknown bits are left out. */
    public static EnumSet<RequestFlag> of(int bits) {
        EnumSet<RequestFlag> flags = EnumSet.noneOf(RequestFlag.class);
        add(flags, bits, Batch.REQ_FUA, RequestFlag.FUA);
        add(flags, bits, Batch.REQ_META, RequestFlag.META);
        add(flags, bits, Batch.REQ_SYNC, RequestFlag.SYNC);
        add(flags, bits, Batch.REQ_NOUNMAP, RequestFlag.NOUNMAP);
        add(flags, bits, Batch.REQ_RAHEAD, RequestFlag.READ_AHEAD);
        add(flags, bits, Batch.REQ_PRIO, RequestFlag.PRIORITY);
        add(flags, bits, Batch.REQ_BACKGROUND, RequestFlag.BACKGROUND);
        add(flags, bits, Batch.REQ_SWAP, RequestFlag.SWAP);
        return flags;
    }

    private static void add(Set<RequestFlag> flags, int bits, int bit, RequestFlag flag) {
        if ((bits & bit) != 0) {
            flags.add(flag);
        }
    }
}
