// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.Operation;
import io.dblock.journal.JournalEntry;
import io.dblock.journal.RequestEntry;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * What has been read from a device since some entry of its journal.
 *
 * @param last the newest entry of the journal
 * @param whole whether the journal had all entries since then
 * @param ranges for each read, its offset and length in bytes: numbers of eight bytes
 */
@SuppressWarnings("ArrayRecordComponent") // Sent to another process, and never compared.
public record Reads(long last, boolean whole, byte[] ranges) {

    /** Returns what these entries, which came after {@code after}, say of reads. */
    static Reads of(List<JournalEntry> entries, long after) {
        if (entries.isEmpty()) {
            return new Reads(after, true, new byte[0]);
        }
        long last = entries.get(entries.size() - 1).sequence();
        ByteBuffer ranges = ByteBuffer.allocate(entries.size() * 2 * Long.BYTES);
        for (JournalEntry entry : entries) {
            if (entry instanceof RequestEntry request && request.is(Operation.READ)) {
                ranges.putLong(request.info().offset()).putLong(request.info().length());
            }
        }
        byte[] bytes = new byte[ranges.position()];
        ranges.get(0, bytes);
        return new Reads(last, entries.size() == last - after, bytes);
    }

    /** Calls with the offset and length of each read, in bytes. */
    public void forEach(Range range) {
        ByteBuffer numbers = ByteBuffer.wrap(ranges);
        while (numbers.hasRemaining()) {
            range.read(numbers.getLong(), numbers.getLong());
        }
    }

    /** A range that was read. */
    @FunctionalInterface
    public interface Range {
        void read(long offset, long length);
    }
}
