// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.fault.Faults;
import io.dblock.handler.Operation;
import io.dblock.internal.fault.CacheDisk;
import io.dblock.internal.fault.Disk;
import io.dblock.internal.fault.Evidence;
import io.dblock.internal.fault.FaultFilter;
import io.dblock.internal.fault.LiveFaults;
import io.dblock.internal.journal.Answer;
import io.dblock.internal.journal.JournalRing;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.NativeMemory;
import io.dblock.internal.store.Choices;
import io.dblock.internal.store.Store;
import io.dblock.internal.store.StoreSnapshot;
import io.dblock.internal.store.WriteCache;
import io.dblock.journal.Journal;
import java.io.IOException;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;

/** What lies between the kernel and the store of one device, from top to bottom: journal, fault rules, write cache. */
final class Filters implements AutoCloseable {
    private final LocalDevice device;
    private final JournalRing journal;
    private final FaultFilter faults;
    private final Disk disk;
    /** Null if a user's handler answers: what that keeps is its own affair. */
    private final WriteCache cache;

    private final Faults userFaults;
    private final Journal userJournal;
    private final long seed;
    private final AtomicLong seeds = new AtomicLong();

    private Filters(LocalDevice device, FilterSpec spec, Disk disk, WriteCache cache, JournalRing journal) {
        this.device = device;
        this.journal = journal;
        this.disk = disk;
        this.cache = cache;
        seed = spec.seed();
        faults = new FaultFilter(new DeviceFaultContext(device, this), seed);
        userFaults = new LiveFaults(faults);
        userJournal =
                new Journal(journal, device::size, device.created().parameters().logicalBlock());
    }

    /** Over a user's handler. */
    static Filters over(LocalDevice device, FilterSpec spec, Disk handler) {
        return new Filters(device, spec, handler, null, new JournalRing(spec.journalEntries()));
    }

    /** Over a built-in store, which gets a write cache. */
    static Filters overStore(LocalDevice device, FilterSpec spec, Store store) {
        JournalRing journal = new JournalRing(spec.journalEntries());
        WriteCache cache = new WriteCache(
                store, device.created().parameters().logicalBlock(), spec.volatileCache(), new EvictionNotes(journal));
        cache.limit(spec.cacheLimit());
        journal.onMark(cache::mark);
        return new Filters(device, spec, new CacheDisk(cache), cache, journal);
    }

    JournalRing journal() {
        return journal;
    }

    FaultFilter faults() {
        return faults;
    }

    Disk disk() {
        return disk;
    }

    WriteCache cache() {
        return cache;
    }

    Faults userFaults() {
        return userFaults;
    }

    Journal userJournal() {
        return userJournal;
    }

    /** For one random choice of a power cut: the next of a sequence that the device's seed gives. */
    long nextSeed() {
        return new SplittableRandom(seed + seeds.getAndIncrement()).nextLong();
    }

    /** What a request that comes now names; see {@link WriteCache#position()}. */
    long position() {
        return cache == null ? 0 : cache.position();
    }

    /**
     * These writes are about to be answered.
     *
     * @return false if the power was cut since that position: then the answer is an error
     */
    boolean complete(long[] tickets, long then) {
        if (cache == null) {
            return true;
        }
        cache.completed(tickets, tickets.length);
        return cache.isCurrent(then);
    }

    /**
     * A read is about to be answered with the data at this address. Must not throw: the answer is right, whatever the journal
     * cannot make of it.
     */
    void noteRead(long sequence, long address, long length) {
        try {
            if (journal.wantsData(Batch.OP_READ)) {
                journal.data(sequence, address, (int) length);
            }
        } catch (Throwable t) {
            device.failed(t);
        }
    }

    /** A request is about to be answered; {@code data} is where a read has put its data, null if nowhere. */
    void end(long sequence, Operation operation, Answer answer, NativeMemory data) {
        if (operation == Operation.READ && data != null && answer.firstError() == null) {
            noteRead(
                    sequence,
                    data.address(),
                    answer.parts().stream().mapToLong(Answer.Part::length).sum());
        }
        journal.end(sequence, System.nanoTime(), answer);
    }

    StoreSnapshot snapshot() throws IOException {
        return cache.snapshot();
    }

    /** What rules and cuts have shown. */
    Evidence evidence() {
        return new Evidence(faults.neverActed(), cache == null ? Choices.NONE : cache.choices());
    }

    /** Ends the rules; what they keep waiting fails. */
    void endFaults() {
        faults.close();
    }

    /** Closes the store. No request may be under way any more. */
    @Override
    public void close() throws IOException {
        journal.close();
        if (cache != null) {
            cache.close();
        }
    }
}
