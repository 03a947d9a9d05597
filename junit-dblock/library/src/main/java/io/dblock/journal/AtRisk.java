// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * How long writes were in the disk's volatile cache: until a successful flush that came after their completion, a power
 * cut, or the end. It is what a disk promises; fault rules that lie about flushes are not taken into account.
 */
final class AtRisk {
    /**
     * The end of a write's time in the cache.
     *
     * @param index of the entry that ended it; the number of entries if nothing did
     * @param lost whether that was a power cut, or nothing
     */
    record End(int index, boolean lost) {}

    private final Map<Long, End> ends = new HashMap<>();
    private int lost;

    /** @param taken the numbers of the writes that a power cut takes; null for all that it may take */
    AtRisk(List<? extends JournalEntry> entries, Set<Long> taken) {
        List<Integer> flushes = new ArrayList<>();
        List<Integer> cuts = new ArrayList<>();
        for (int i = 0; i < entries.size(); i++) {
            if (entries.get(i) instanceof RequestEntry request && request.is(Operation.FLUSH) && request.succeeded()) {
                flushes.add(i);
            } else if (entries.get(i) instanceof EventEntry event && event.kind() == EventKind.POWER_CUT) {
                cuts.add(i);
            }
        }
        for (int i = 0; i < entries.size(); i++) {
            if (entries.get(i) instanceof RequestEntry request && isCached(request)) {
                int cut = firstAfter(cuts, i, entries.size());
                int flush = firstCovering(entries, flushes, request, entries.size());
                boolean isTaken = taken == null || taken.contains(request.sequence());
                End end = flush < cut ? new End(flush, false) : new End(cut, isTaken);
                ends.put(request.sequence(), end);
                lost += end.lost() ? 1 : 0;
            }
        }
    }

    private static boolean isCached(RequestEntry request) {
        return switch (request.info().operation()) {
            case WRITE, WRITE_ZEROES, DISCARD ->
                request.succeeded() && !request.info().has(RequestFlag.FUA);
            default -> false;
        };
    }

    private static int firstAfter(List<Integer> indexes, int index, int otherwise) {
        for (int one : indexes) {
            if (one > index) {
                return one;
            }
        }
        return otherwise;
    }

    /** Of the flushes, a later one never covers less. */
    private static int firstCovering(
            List<? extends JournalEntry> entries, List<Integer> flushes, RequestEntry write, int otherwise) {
        int low = 0;
        int high = flushes.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (entries.get(flushes.get(middle)).completedBefore() >= write.completionOrder()) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low == flushes.size() ? otherwise : flushes.get(low);
    }

    /** Returns the end of a write's time in the cache; null if it never was in it. */
    End of(RequestEntry write) {
        return ends.get(write.sequence());
    }

    /** Returns whether a write was in it. */
    boolean any() {
        return !ends.isEmpty();
    }

    /** Returns how many writes a power cut has taken or would take now. */
    int lost() {
        return lost;
    }
}
