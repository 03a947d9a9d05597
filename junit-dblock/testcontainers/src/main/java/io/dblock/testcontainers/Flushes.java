// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import io.dblock.BlockDevice;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.journal.Journal;
import io.dblock.journal.JournalEntry;
import io.dblock.journal.RequestEntry;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/** What a device's journal says about flushes. */
final class Flushes {
    private static final int SHOWN = 10;

    private Flushes() {}

    private static boolean isFlush(JournalEntry entry) {
        return entry instanceof RequestEntry request
                && request.succeeded()
                && (request.info().operation() == Operation.FLUSH
                        || request.info().flags().contains(RequestFlag.FUA));
    }

    /** Returns whether something was flushed to the device, or written past its cache, since. */
    static boolean since(BlockDevice device, Instant since) {
        Journal journal = device.journal();
        // The journal has its own clock. This mark is now on both.
        long mark = journal.mark("junit-dblock: was anything flushed since " + since + "?");
        long past = Duration.between(since, Instant.now()).toNanos();
        List<JournalEntry> entries = journal.entries();
        long now = entries.stream()
                .filter(entry -> entry.sequence() == mark)
                .mapToLong(JournalEntry::nanos)
                .findFirst()
                .orElse(Long.MAX_VALUE);
        return entries.stream().anyMatch(entry -> isFlush(entry) && entry.nanos() >= now - past);
    }

    /**
     * Runs a commit.
     *
     * @throws AssertionError if nothing was flushed meanwhile
     */
    static void require(BlockDevice device, ContainerDisk.Commit commit) throws Exception {
        Journal journal = device.journal();
        long mark = journal.mark("junit-dblock: commit");
        long before = journal.flushEpoch();
        commit.run();
        if (journal.flushEpoch() > before) {
            return;
        }
        List<JournalEntry> entries = journal.entries().stream()
                .filter(entry -> entry.sequence() > mark)
                .toList();
        if (entries.stream().anyMatch(Flushes::isFlush)) {
            return;
        }
        throw new AssertionError("Nothing was flushed to " + device.name() + " while the commit ran, so a power cut may"
                + " lose what it has acknowledged. "
                + (entries.isEmpty()
                        ? "The device had no request meanwhile."
                        : "Its last requests meanwhile:\n"
                                + Journal.timeline(entries.subList(Math.max(0, entries.size() - SHOWN), entries.size()))
                                        .stripTrailing()));
    }
}
