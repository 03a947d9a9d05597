// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import io.dblock.internal.device.CrashDevice;
import io.dblock.internal.server.Reads;
import io.dblock.journal.JournalEntry;
import io.dblock.journal.RequestEntry;
import java.util.List;
import java.util.Optional;

/** The device on which states are shown and checked, one after the other. One thread at a time uses it. */
final class StateDisk implements AutoCloseable {
    private final CrashDevice device;
    private final Check check;
    /** The last entry of the journal that has been asked for. */
    private long seen;

    StateDisk(CrashDevice device, Check check) {
        this.device = device;
        this.check = check;
    }

    CrashDevice device() {
        return device;
    }

    /** Checks what the device shows, and unmounts it; returns why it fails, or null. */
    Throwable check(ShownState state) {
        Throwable failure = run(state);
        leave(state, failure);
        return failure;
    }

    /** Checks what the device shows; returns why it fails, or null. {@link #leave} has to follow. */
    Throwable run(ShownState state) {
        try {
            check.check(state);
            return null;
        } catch (Exception | AssertionError e) {
            return e;
        }
    }

    /**
     * Unmounts the device after a check.
     *
     * @throws IllegalStateException if the check has left the disk in use
     */
    void leave(ShownState state, Throwable failure) {
        List<String> holders = device.unmount();
        if (!holders.isEmpty()) {
            IllegalStateException left = new IllegalStateException("The check of the state " + state.id()
                    + " has left the disk in use, so no other state can be shown:\n  " + String.join("\n  ", holders)
                    + "\nClose in the check what it opens.");
            if (failure != null) {
                left.addSuppressed(failure);
            }
            throw left;
        }
    }

    /** Returns what has been read since the last call; empty if the journal does not have all of it any longer. */
    Optional<Reads> reads() {
        Reads reads = device.reads(seen);
        seen = reads.last();
        return reads.whole() ? Optional.of(reads) : Optional.empty();
    }

    /** Returns the requests since the last call. */
    List<RequestEntry> requests() {
        List<JournalEntry> entries = device.entriesAfter(seen);
        if (!entries.isEmpty()) {
            seen = entries.get(entries.size() - 1).sequence();
        }
        return entries.stream()
                .filter(RequestEntry.class::isInstance)
                .map(RequestEntry.class::cast)
                .toList();
    }

    @Override
    public void close() {
        device.close();
    }
}
